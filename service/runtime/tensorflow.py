"""Runs a Keras graph as fixed TensorFlow functions, one for each head set that was prepared.

Takes and gives numpy arrays by name. Knows nothing of requests, batches or stores.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.hardware import made_on
from models.signature import Signature, TensorSpec
from models.tensors import STRING
from service.progress import Progress
from service.runtime.environment import environment
from service.runtime.footprint import footprint_of
from service.runtime.foreign_code import refuse_code
from service.runtime.hardware import Hardware, set_up
from service.runtime.naming import Symbols, derive_signature, named_symbols
from service.runtime.placement import ANYWHERE, Footprint, Target
from service.runtime.precision import compute_in
from service.runtime.servable import Tensors
from service.runtime.subclassed import WAY_OUT
from service.runtime.warmup import warm_up
from service.runtime.weights import refuse_not_finite

HOST = "cpu:0"


def start(hardware: Hardware) -> None:
    """Makes TensorFlow start the threads that it computes with. Raises RuntimeError when it has done so before."""
    set_up(hardware)
    tf.linalg.matmul(tf.ones((2, 2)), tf.ones((2, 2)))


class TensorFlowServable:
    """A loaded model. Heads are computed as asked for: all of them, or one alone; any other set is cut from all."""

    def __init__(self, inputs: Symbols, heads: Symbols, signature: Signature, target: Target = ANYWHERE) -> None:
        self.signature = signature
        self.retraces = 0
        """Functions that were traced after warm-up, so that a request paid for it."""
        about = {"placed on": target.device or "", "precision": target.precision, "signature": target.signature}
        self.environment = environment() | about
        self._is_warm = False
        self._inputs = inputs
        self._heads = heads
        self._device = target.device
        self._precision = {} if target.precision == "float32" else {"precision": target.precision}
        self._functions: dict[frozenset[str], Any] = {}
        self._tracing = threading.Lock()

    @classmethod
    def load(cls, graph: Path, declared: Signature | None = None, target: Target = ANYWHERE) -> TensorFlowServable:
        """Loads a `.keras` file in safe mode: a file that brings code of its own is refused.

        `declared` must name what the graph has, else ValueError; without it the signature is read from the graph.
        Raises NotFiniteWeights, which is one too, for weights that are no numbers.
        """
        if not zipfile.is_zipfile(graph):
            raise ValueError(f"{graph.name} is not a whole .keras file")
        refuse_code(graph)
        with on(target.device):
            model = load_model(graph)
        refuse_not_finite(model.weights)
        compute_in(model, target.precision)
        inputs, heads = named_symbols(model)
        derived = derive_signature(inputs, heads)
        if declared is not None:
            refuse_mismatch(declared, derived)
        return cls(inputs, heads, declared or derived, target)

    @property
    def made_with(self) -> dict[str, str]:
        """What answers are made with, as a manifest says it of its golden ones."""
        rounds = tf.config.experimental.tensor_float_32_execution_enabled()
        made = made_on(accelerators(self._device), rounds)
        return {"tensorflow": tf.__version__, "keras": keras.__version__} | made | self._precision

    @property
    def head_sets(self) -> tuple[frozenset[str], ...]:
        """The sets that have a function of their own: all heads, and each head alone."""
        names = self.signature.head_names
        return tuple(dict.fromkeys([frozenset(names), *(frozenset([name]) for name in names)]))

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
        """The tensors of exactly these heads. Raises what TensorFlow raises, KeyError for an unknown name."""
        wanted = frozenset(heads)
        prepared = wanted if wanted in self.head_sets else self.head_sets[0]
        function = self._functions.get(prepared) or self._prepare(prepared)
        answers = function(*(self._tensor(each.spec, inputs[each.name]) for each in self.signature.inputs))
        return {name: np.asarray(answers[name]) for name in wanted}

    def _tensor(self, spec: TensorSpec, given: Any) -> Any:
        """Where there is more than one device, it would otherwise be made on the first GPU, whoever wants it; and no
        GPU takes strings."""
        with on(HOST if self._device is not None and spec.dtype == STRING else self._device):
            return tf.convert_to_tensor(given)

    def warm_up(self, rows: Iterable[int], progress: Progress | None = None) -> None:
        """Runs every head set at each of these numbers of rows; none means that the first requests will pay."""
        warm_up(self, self.head_sets, rows, progress)
        self._is_warm = True

    def footprint(self, rows: int, length: int) -> Footprint:
        """Bytes, with batches of so many rows; sides that the signature leaves open are so long."""
        every = self.head_sets[0]
        return footprint_of(self._functions.get(every) or self._prepare(every), rows, length)

    def close(self) -> None:
        self._functions.clear()
        self._inputs, self._heads = {}, {}

    def _prepare(self, heads: frozenset[str]) -> Any:
        with self._tracing:
            if heads not in self._functions:
                self._functions[heads] = self._trace(heads)
            return self._functions[heads]

    def _trace(self, heads: frozenset[str]) -> Any:
        part = self._part(heads)

        def compute(*inputs: Any) -> Any:
            self.retraces += self._is_warm
            with on(self._device):
                answers = part(inputs)
                return {name: tf.cast(each, self.signature.head(name).spec.dtype) for name, each in answers.items()}

        specs = [batched(each.spec) for each in self.signature.inputs]
        return tf.function(compute, input_signature=specs, autograph=False).get_concrete_function()

    def _part(self, heads: Collection[str]) -> Callable[[Sequence[Any]], Mapping[str, Any]]:
        """What computes these heads by name, from tensors in the order of the signature's inputs."""
        # The list fixes the order of the inputs; the dict keeps the heads' names.
        inputs = [self._inputs[name] for name in self.signature.input_names]
        part = keras.Model(inputs, {name: self._heads[name] for name in sorted(heads)})
        return lambda tensors: part(list(tensors), training=False)


def load_model(graph: Path) -> keras.Model:
    """Raises ValueError for a file that brings code of its own, or that is of a class which nobody registered."""
    try:
        return keras.models.load_model(graph, compile=False, safe_mode=True)
    except TypeError as error:
        raise ValueError(f"Keras cannot read {graph.name}: {str(error).splitlines()[0]} {WAY_OUT}") from error


def accelerators(device: str | None) -> list[str]:
    """The name of the GPU that computes there; none where the processor does."""
    gpus = tf.config.list_physical_devices("GPU")
    if device is not None:
        kind, _, index = device.partition(":")
        gpus = [gpus[int(index or 0)]] if kind == "gpu" else []
    details = [tf.config.experimental.get_device_details(each) for each in gpus[:1]]
    return [str(each.get("device_name", "GPU")) for each in details]


def on(device: str | None) -> AbstractContextManager[Any]:
    """What is made inside is made there. None, on a machine with one device, costs nothing."""
    return nullcontext() if device is None else tf.device(f"/device:{device.upper()}")


def batched(spec: TensorSpec) -> Any:
    return tf.TensorSpec([None, *spec.shape], spec.dtype)


def refuse_mismatch(declared: Signature, derived: Signature) -> None:
    """The manifest must fit the graph by name, shape and dtype. Raises ValueError."""
    for what, ours, theirs in (
        ("input", declared.inputs, derived.inputs),
        ("head", declared.heads, derived.heads),
    ):
        said = {each.name: each.spec for each in ours}
        found = {each.name: each.spec for each in theirs}
        for name in said.keys() | found.keys():
            if said.get(name) != found.get(name):
                told, has = said.get(name), found.get(name)
                raise ValueError(f"{what} {name!r}: the manifest says {told}, the graph has {has}")
