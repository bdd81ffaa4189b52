"""What a model takes and gives: named inputs and named heads, with shapes, dtypes, labels and units.

Knows no TensorFlow, no HTTP and no files. Shapes never count the batch axis: they describe one row.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shape and dtype of one row of a tensor. `None` is a dimension that differs from row to row."""

    dtype: str
    shape: tuple[int | None, ...]

    @property
    def is_ragged(self) -> bool:
        return None in self.shape


class Padding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether rows of different length may share a batch.

    `alone`: no row may share a batch, whatever its length: its neighbours change its answer.
    `exact`: only rows of exactly equal shape run together.
    `pad`: the model ignores zeros appended on the right, so rows of any length run together. Each row, also a
    row that runs alone, is followed by at least `tail` zeros (a stack of convolutions needs as many as its
    receptive field is wide before its answer stops depending on how many there are).
    """

    kind: Literal["alone", "exact", "pad"] = "exact"
    tail: int = 0


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a request that leaves an input out.

    `refuse`: it is refused; the input is not optional.
    `default`: `value` stands in, as a caller would write it.
    `learnt_null`: a tensor full of the number `value` stands in, which the model was trained to take for "not there";
    no value that a caller can write becomes that tensor. Dimensions that differ from row to row are 1.
    """

    policy: Literal["refuse", "default", "learnt_null"] = "refuse"
    value: object = None


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One named input: the tensor the graph takes, and a value a person could give for it."""

    name: str
    spec: TensorSpec
    description: str = ""
    example: object = None
    padding: Padding = Padding()
    missing: Missing = Missing()


HeadKind = Literal["tensor", "regression", "binary", "classes"]


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One named head, and how its tensor is said in the user's terms.

    `regression`: one number in `unit`. `binary`: one probability, of `labels[1]` against `labels[0]`.
    `classes`: one probability for each of `labels`. `tensor`: no declared meaning, answered as plain numbers.
    """

    name: str
    spec: TensorSpec
    kind: HeadKind = "tensor"
    labels: tuple[str, ...] = ()
    unit: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind == "binary" and len(self.labels) != 2:
            raise ValueError(f"binary head {self.name!r} needs exactly two labels, not {len(self.labels)}")
        if self.kind == "classes" and self.spec.shape != (len(self.labels),):
            raise ValueError(
                f"head {self.name!r} has {len(self.labels)} labels for a tensor of shape {list(self.spec.shape)}"
            )


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inputs and heads of a model, each in declared order. Look them up by name."""

    inputs: tuple[Input, ...]
    heads: tuple[Head, ...]

    def __post_init__(self) -> None:
        for what, names in (("inputs", self.input_names), ("heads", self.head_names)):
            if not names:
                raise ValueError(f"a signature needs {what}")
            if len(set(names)) != len(names):
                raise ValueError(f"{what} are named twice: {', '.join(names)}")

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.inputs)

    @property
    def head_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.heads)

    def input(self, name: str) -> Input:
        """The input of that name. Raises KeyError."""
        return next_named(self.inputs, name)

    def head(self, name: str) -> Head:
        """The head of that name. Raises KeyError."""
        return next_named(self.heads, name)


T = TypeVar("T", Input, Head)


def next_named(items: tuple[T, ...], name: str) -> T:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)
