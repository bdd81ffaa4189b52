"""The typed signature of a SavedModel from the tensors that it declares: names, order, shapes, and what is not served.

Pure: knows no TensorFlow and no files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from models.signature import Head, Input, Padding, Signature, TensorSpec

PREFERRED = ("serving_default", "serve")
SERVED = {"float16", "bfloat16", "float32", "float64", "bool", "string"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Declared:
    """A tensor as a SavedModel declares it. `shape` counts the batch axis; None where even the rank is unknown."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


def chosen(names: Collection[str], asked: str = "") -> str:
    """The signature that is asked for, else the default one. Raises ValueError."""
    if asked and asked not in names:
        raise ValueError(f"the SavedModel has no signature {asked!r}; there are {', '.join(sorted(names)) or 'none'}")
    for name in (asked, *PREFERRED):
        if name in names:
            return name
    if len(names) == 1:
        return next(iter(names))
    found = f"has the signatures {', '.join(sorted(names))}" if names else "has no signature"
    raise ValueError(
        f"the SavedModel {found}, and none is {' or '.join(PREFERRED)}: export it with "
        f'tf.saved_model.save(model, path, signatures={{"{PREFERRED[0]}": …}})'
    )


def in_order(names: Iterable[str], hints: Iterable[Sequence[str]] = ()) -> list[str]:
    """As the first hint of the same names has them, else as people count: `output_2` before `output_10`."""
    found = sorted(names, key=natural)
    return next((list(hint) for hint in hints if sorted(hint, key=natural) == found), found)


def natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_signature(inputs: Sequence[Declared], heads: Sequence[Declared]) -> Signature:
    """Raises ValueError, which says why, for tensors that cannot be served row by row."""
    if not inputs or not heads:
        raise ValueError(f"it has {len(inputs)} inputs and {len(heads)} heads: both are needed to answer anything")
    is_alone = takes_one_row(inputs)
    padding = Padding("alone" if is_alone else "exact")
    return Signature(
        inputs=tuple(Input(name=each.name, spec=spec_of("input", each), padding=padding) for each in inputs),
        heads=tuple(Head(name=each.name, spec=answered(spec_of("head", each))) for each in heads),
    )


def takes_one_row(inputs: Sequence[Declared]) -> bool:
    """Whether the batch is fixed at one row. Raises ValueError for any other fixed batch."""
    for each in inputs:
        if each.shape and each.shape[0] not in (None, 1):
            raise ValueError(
                f"input {each.name!r} takes exactly {each.shape[0]} rows at a time; export it with a batch dimension "
                "of None (any number of rows) or 1 (each row alone)"
            )
    return any(each.shape and each.shape[0] == 1 for each in inputs)


def spec_of(what: str, each: Declared) -> TensorSpec:
    """One row of it. Raises ValueError."""
    if each.dtype not in SERVED:
        raise ValueError(f"{what} {each.name!r} is a tensor of {each.dtype}, which is not served")
    if each.shape is None:
        raise ValueError(f"{what} {each.name!r} has an unknown number of dimensions; export it with tf.ensure_shape")
    if not each.shape:
        raise ValueError(f"{what} {each.name!r} has no batch dimension, so rows of it cannot be told apart")
    return TensorSpec(each.dtype, each.shape[1:])


def answered(spec: TensorSpec) -> TensorSpec:
    """bfloat16 is answered as float32, which holds all its values."""
    return TensorSpec("float32", spec.shape) if spec.dtype == "bfloat16" else spec


def better_names(heads: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """By the name that people are told, the name in the file; they differ where another one is known for each head."""
    names = set(heads)
    return {known[name]: name for name in names} if names == set(known) else {name: name for name in names}


@dataclass(frozen=True)
class KerasNames:
    """What Keras 2 left beside a SavedModel: the orders of inputs and of heads, and the keys of a dict of heads."""

    orders: Sequence[Sequence[str]] = ()
    heads: Mapping[str, str] = field(default_factory=dict)
    """By the layer whose name stands in the signature."""


def keras_names(config: Mapping[str, object]) -> KerasNames:
    """Of the model's configuration: `"output_layers": [["age", 0, 0], …]`, or a dict of such triples."""
    inputs, heads = layers_of(config.get("input_layers")), layers_of(config.get("output_layers"))
    known = {layer: key for key, layer in heads.items()} if isinstance(config.get("output_layers"), Mapping) else {}
    return KerasNames([list(inputs.values()), list(known.values() or heads.values())], known)


def layers_of(layers: object) -> dict[str, str]:
    """The layers' names, by the keys that a dict has for them; nothing of anything else."""
    if isinstance(layers, Mapping):
        return {str(key): str(each[0]) for key, each in layers.items()}
    if not isinstance(layers, list):
        return {}
    triples = [layers] if layers and isinstance(layers[0], str) else layers
    return {str(each[0]): str(each[0]) for each in triples}
