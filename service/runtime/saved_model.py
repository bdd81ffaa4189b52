"""Runs a signature of a SavedModel as fixed TensorFlow functions, one for each head set. Runs graph code, no Python.

Knows no Keras: what it serves may have been made with anything that exports a SavedModel.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.keras.protobuf import saved_metadata_pb2

from models.signature import Signature
from service.runtime.graph_code import refuse_code
from service.runtime.placement import ANYWHERE, Target
from service.runtime.signatures import (
    Declared,
    KerasNames,
    better_names,
    chosen,
    in_order,
    keras_names,
    read_signature,
    takes_one_row,
)
from service.runtime.tensorflow import TensorFlowServable, on, refuse_mismatch
from service.runtime.weights import refuse_not_finite

SERVE = "serve"
METADATA = "keras_metadata.pb"


@dataclass(frozen=True)
class Exported:
    """A SavedModel that was loaded. `owner` holds the variables that the functions use."""

    owner: Any
    functions: Mapping[str, Any]
    """The signatures, by name."""
    orders: Sequence[Sequence[str]]
    """Names of tensors in the order in which whoever made it declared them, where something tells."""
    head_names: Mapping[str, str]
    """Better ones than those in the signature, where something tells."""


class SavedModelServable(TensorFlowServable):
    """One signature of a loaded SavedModel. What a head set does not need is pruned from its function."""

    def __init__(self, exported: Exported, name: str, declared: Signature | None, target: Target = ANYWHERE) -> None:
        """Raises ValueError for a signature that cannot be served, or is not as `declared`."""
        function = exported.functions[name]
        inputs = declared_tensors(function.structured_input_signature[1], exported.orders)
        outputs = function.structured_outputs
        keys = better_names(outputs, exported.head_names)
        heads = declared_tensors({told: outputs[key] for told, key in keys.items()}, exported.orders)
        try:
            derived = read_signature(inputs, heads)
        except ValueError as error:
            raise ValueError(f"signature {name!r}: {error}") from None
        if declared is not None:
            refuse_mismatch(declared, derived)
        super().__init__({}, {}, declared or derived, target)
        self._exported: Exported | None = exported
        self._function, self._keys = function, keys
        self._is_fixed = takes_one_row(inputs)

    def close(self) -> None:
        super().close()
        self._exported = self._function = None

    def _part(self, heads: Collection[str]) -> Callable[[Sequence[Any]], Mapping[str, Any]]:
        names, function, keys, is_fixed = self.signature.input_names, self._function, self._keys, self._is_fixed

        def compute(tensors: Sequence[Any]) -> Mapping[str, Any]:
            rows = [tf.ensure_shape(each, [1, *each.shape[1:]]) if is_fixed else each for each in tensors]
            answers = function(**dict(zip(names, rows, strict=True)))
            return {name: answers[keys[name]] for name in heads}

        return compute


def load(graph: Path, declared: Signature | None = None, target: Target = ANYWHERE) -> SavedModelServable:
    """That signature of the SavedModel whose `saved_model.pb` this is, or the default one.

    It computes in the precision that it was saved in. Raises ValueError, which says why not.
    """
    with on(target.device):
        exported = open_saved_model(graph)
    name = chosen(exported.functions, target.signature)
    refuse_not_finite(exported.functions[name].variables)
    return SavedModelServable(exported, name, declared, replace(target, precision="float32"))


def open_saved_model(graph: Path) -> Exported:
    """Raises ValueError for a file that is not whole, that runs code which is refused, or that TensorFlow refuses."""
    content = saved_model_pb2.SavedModel()
    with suppress(DecodeError):
        content.ParseFromString(graph.read_bytes())
    if not content.meta_graphs:
        raise ValueError(f"{graph.name} is not a whole SavedModel")
    refuse_code(content)
    tags = [set(each.meta_info_def.tags) for each in content.meta_graphs]
    try:
        owner = tf.saved_model.load(str(graph.parent), tags=[SERVE] if {SERVE} in tags else None)
    except (tf.errors.OpError, RuntimeError, OSError) as error:
        raise ValueError(f"TensorFlow cannot load the SavedModel: {str(error).strip().splitlines()[0]}") from error
    functions = {name: each for name, each in owner.signatures.items() if not name.startswith("__")}
    told = names_beside(graph.parent / METADATA)
    return Exported(owner, functions, [*told.orders, *function_orders(owner)], told.heads)


def declared_tensors(specs: Mapping[str, Any], orders: Sequence[Sequence[str]]) -> list[Declared]:
    """By name, never by position: a signature that was loaded lists its tensors in no order at all."""
    return [
        Declared(
            name,
            str(specs[name].dtype.name),
            None if specs[name].shape.rank is None else tuple(specs[name].shape.as_list()),
        )
        for name in in_order(specs, orders)
    ]


def function_orders(owner: Any) -> Iterator[list[str]]:
    """The names of positional arguments of the functions that were saved beside the signatures."""
    for each in vars(owner).values():
        for function in getattr(each, "concrete_functions", ()):
            arguments = list(flat(function.structured_input_signature[0]))
            if not any(isinstance(each, Mapping) for each in arguments):  # of a dict the order is lost
                yield [str(each.name) for each in arguments if isinstance(each, tf.TensorSpec)]


def flat(arguments: Any) -> Iterator[Any]:
    """What stands in tuples and lists, however deep."""
    for each in arguments:
        if isinstance(each, list | tuple):
            yield from flat(each)
        else:
            yield each


def names_beside(metadata: Path) -> KerasNames:
    """What Keras 2 wrote beside a SavedModel of its own; nothing where it did not."""
    if not metadata.exists():
        return KerasNames()
    content = saved_metadata_pb2.SavedMetadata()
    try:
        content.ParseFromString(metadata.read_bytes())
        root = next(node for node in content.nodes if node.node_path == "root")
        return keras_names(json.loads(root.metadata)["config"])
    except (DecodeError, StopIteration, LookupError, ValueError, TypeError, AttributeError):
        return KerasNames()  # the signature has names, if perhaps not the best ones
