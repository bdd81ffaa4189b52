"""Runs a Keras graph as fixed TensorFlow functions, one for each head set that was prepared.

Takes and gives numpy arrays by name. Knows nothing of requests, batches or stores.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.hardware import made_on
from models.signature import Signature, TensorSpec
from service.runtime.foreign_code import refuse_code
from service.runtime.naming import Symbols, derive_signature, named_heads, named_inputs
from service.runtime.servable import Tensors
from service.runtime.warmup import warm_up
from service.runtime.weights import refuse_not_finite


def start() -> None:
    """Makes TensorFlow start the threads that it computes with."""
    tf.linalg.matmul(tf.ones((2, 2)), tf.ones((2, 2)))


class TensorFlowServable:
    """A loaded model. Heads are computed as asked for: all of them, or one alone; any other set is cut from all."""

    def __init__(self, inputs: Symbols, heads: Symbols, signature: Signature) -> None:
        self.signature = signature
        self.retraces = 0
        """Functions that were traced after warm-up, so that a request paid for it."""
        self._is_warm = False
        self._inputs = inputs
        self._heads = heads
        self._functions: dict[frozenset[str], Any] = {}
        self._tracing = threading.Lock()

    @classmethod
    def load(cls, graph: Path, declared: Signature | None = None) -> TensorFlowServable:
        """Loads a `.keras` file in safe mode: a file that brings code of its own is refused.

        `declared` must name what the graph has, else ValueError; without it the signature is read from the graph.
        Raises NotFiniteWeights, which is one too, for weights that are no numbers.
        """
        if not zipfile.is_zipfile(graph):
            raise ValueError(f"{graph.name} is not a whole .keras file")
        refuse_code(graph)
        model = keras.models.load_model(graph, compile=False, safe_mode=True)
        refuse_not_finite(model.weights)
        inputs, heads = named_inputs(model), named_heads(model)
        derived = derive_signature(inputs, heads)
        refuse_strings(derived)
        if declared is not None:
            refuse_mismatch(declared, derived)
        return cls(inputs, heads, declared or derived)

    @property
    def made_with(self) -> dict[str, str]:
        """What answers are made with, as a manifest says it of its golden ones."""
        details = [tf.config.experimental.get_device_details(each) for each in tf.config.list_physical_devices("GPU")]
        accelerators = [str(each.get("device_name", "GPU")) for each in details]
        rounds = tf.config.experimental.tensor_float_32_execution_enabled()
        return {"tensorflow": tf.__version__, "keras": keras.__version__} | made_on(accelerators, rounds)

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
        answers = function(*(tf.convert_to_tensor(inputs[each.name]) for each in self.signature.inputs))
        return {name: np.asarray(answers[name]) for name in wanted}

    def warm_up(self, rows: Iterable[int]) -> None:
        """Runs every head set at each of these numbers of rows; none means that the first requests will pay."""
        warm_up(self, self.head_sets, rows)
        self._is_warm = True

    def close(self) -> None:
        self._functions.clear()
        self._inputs, self._heads = {}, {}

    def _prepare(self, heads: frozenset[str]) -> Any:
        with self._tracing:
            if heads not in self._functions:
                self._functions[heads] = self._trace(heads)
            return self._functions[heads]

    def _trace(self, heads: frozenset[str]) -> Any:
        # The list fixes the order of the inputs; the dict keeps the heads' names.
        inputs = [self._inputs[name] for name in self.signature.input_names]
        part = keras.Model(inputs, {name: self._heads[name] for name in sorted(heads)})

        def compute(*inputs: Any) -> Any:
            self.retraces += self._is_warm
            answers = part(list(inputs), training=False)
            return {name: tf.cast(each, self.signature.head(name).spec.dtype) for name, each in answers.items()}

        specs = [batched(each.spec) for each in self.signature.inputs]
        return tf.function(compute, input_signature=specs, autograph=False).get_concrete_function()


def batched(spec: TensorSpec) -> Any:
    return tf.TensorSpec([None, *spec.shape], spec.dtype)


def refuse_strings(signature: Signature) -> None:
    """Raises ValueError: text goes in as token ids, through the manifest's tokenizer."""
    tensors = [(each.name, each.spec) for each in signature.inputs] + [
        (each.name, each.spec) for each in signature.heads
    ]
    for name, spec in tensors:
        if spec.dtype == "string":
            raise ValueError(f"{name!r} is a tensor of strings, which is not served")


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
