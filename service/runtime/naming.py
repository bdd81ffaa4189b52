"""The names of a Keras model's inputs and heads, in declared order, whatever Keras did to them on saving.

A dict of heads keeps its keys as names, a list of heads carries its layers' names; a reloaded Sequential forgets both.
A subclassed model is first made a graph of, from the shapes that it was built with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from models.signature import Head, Input, Signature, TensorSpec
from service.runtime.subclassed import traced

Symbols = dict[str, Any]
"""KerasTensors by name."""


def named_symbols(model: keras.Model) -> tuple[Symbols, Symbols]:
    """Inputs and heads. Raises ValueError for two heads of one name, or a subclassed model that tells no inputs."""
    if isinstance(model, keras.Sequential) or hasattr(model, "operations"):
        return named_inputs(model), named_heads(model)
    return traced(model)


def named_inputs(model: keras.Model) -> Symbols:
    return keyed(model, "input") or {tensor.name: tensor for tensor in model.inputs}


def named_heads(model: keras.Model) -> Symbols:
    """Raises ValueError for two heads of one name."""
    heads = keyed(model, "output")
    if heads:
        return heads
    for tensor in model.outputs:
        name = tensor._keras_history.operation.name  # Keras offers no public way from tensor to layer
        if name in heads:
            raise ValueError(f"two heads are named {name!r}; give the model a dict of outputs")
        heads[name] = tensor
    return heads


def keyed(model: keras.Model, side: str) -> Symbols:
    """The tensors of a flat dict in the order it was declared; empty for a list, a nest, or a Sequential."""
    structure = None if isinstance(model, keras.Sequential) else getattr(model, side)
    if isinstance(structure, Mapping) and all(hasattr(tensor, "shape") for tensor in structure.values()):
        return dict(structure)
    return {}


def derive_signature(inputs: Symbols, heads: Symbols) -> Signature:
    """What the graph alone tells: names, shapes, dtypes. No padding is known to be safe, no head has a meaning."""
    return Signature(
        inputs=tuple(Input(name=name, spec=spec_of(tensor)) for name, tensor in inputs.items()),
        heads=tuple(Head(name=name, spec=as_answered(spec_of(tensor))) for name, tensor in heads.items()),
    )


def spec_of(tensor: Any) -> TensorSpec:
    return TensorSpec(dtype=dtype_of(tensor), shape=tuple(tensor.shape[1:]))


def dtype_of(tensor: Any) -> str:
    """As Keras says, but for words that were looked up by their number, which Keras takes for numbers."""
    layer = tensor._keras_history.operation
    return "string" if isinstance(layer, keras.layers.StringLookup) and layer.invert else str(tensor.dtype)


def as_answered(spec: TensorSpec) -> TensorSpec:
    """bfloat16 is answered as float32, which holds all its values: numpy and JSON do not know the former."""
    return TensorSpec("float32", spec.shape) if spec.dtype == "bfloat16" else spec
