"""An object of named, typed fields to one vector: brand, size and age of a garment, as a person writes them.

Knows no file format and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.signature import TensorSpec
from models.values import InvalidValue, say, shorten

LABELS_SHOWN = 10
"""Labels that a message lists."""
MOST_CHARACTERS = 200
"""Of a text in an open field."""


class Choice(msgspec.Struct, frozen=True, tag="choice", forbid_unknown_fields=True):
    """A field that is one of `labels`, one-hot. An `open` one takes any other text too, as zeros throughout."""

    name: str
    labels: tuple[str, ...]
    description: str = ""
    open: bool = False

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return len(self.labels)

    @property
    def expected(self) -> str:
        """What it takes, in words."""
        if self.open:
            return f"{self.name!r} text of 1 to {MOST_CHARACTERS} characters"
        shown, more = ", ".join(self.labels[:LABELS_SHOWN]), len(self.labels) - LABELS_SHOWN
        return f"{self.name!r} one of {shown}" + (f" and {more} more" if more > 0 else "")

    def encode(self, value: object) -> list[float]:
        """Raises InvalidValue."""
        if not isinstance(value, str) or not (value in self.labels or (self.open and value)):
            raise InvalidValue(self.expected, say(value))
        if self.open and len(value) > MOST_CHARACTERS:
            raise InvalidValue(self.expected, f"text of {len(value):,} characters")
        return [float(value == label) for label in self.labels]


class Quantity(msgspec.Struct, frozen=True, tag="quantity", forbid_unknown_fields=True):
    """A field that is one number from `minimum` to `maximum`, as `(value - mean) / deviation`."""

    name: str
    minimum: float
    maximum: float
    mean: float = 0.0
    deviation: float = 1.0
    unit: str = ""
    description: str = ""

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return 1

    @property
    def expected(self) -> str:
        """What it takes, in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name!r} a number from {self.minimum:,.12g} to {self.maximum:,.12g}{unit}"

    def encode(self, value: object) -> list[float]:
        """Raises InvalidValue."""
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise InvalidValue(self.expected, say(value))
        if not self.minimum <= value <= self.maximum:  # so is what is not a number
            raise InvalidValue(self.expected, say(value))
        return [(float(value) - self.mean) / self.deviation]


Field = Choice | Quantity


class Record(msgspec.Struct, frozen=True, tag="record", forbid_unknown_fields=True):
    """An object of named, typed fields to one float32 vector: the fields' numbers side by side, in declared order."""

    fields: tuple[Field, ...]

    @property
    def width(self) -> int:
        """How long the vector is."""
        return sum(each.width for each in self.fields)


class RecordEncoder:
    """Objects with exactly the declared fields to vectors of shape (width,)."""

    def __init__(self, spec: Record, tensor: TensorSpec) -> None:
        """Raises ValueError for fields or a tensor that cannot be."""
        names = [each.name for each in spec.fields]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a record needs fields of different names, not {', '.join(names) or 'none'}")
        for each in spec.fields:
            refuse_impossible(each)
        if tensor != TensorSpec("float32", (spec.width,)):
            raise ValueError(f"this record is a float32 input of shape [{spec.width}], not {tensor}")
        self._fields = {each.name: each for each in spec.fields}

    def encode(self, value: object) -> NDArray[np.float32]:
        if not isinstance(value, Mapping):
            raise InvalidValue(f"an object with the fields {', '.join(self._fields)}", say(value))
        for name, field in self._fields.items():
            if name not in value:
                raise InvalidValue(field.expected, "nothing")
        for key in value:
            if key not in self._fields:
                raise InvalidValue(
                    f"only the fields {', '.join(self._fields)}", f"an unknown field {shorten(str(key))!r}"
                )
        return np.array([x for name, field in self._fields.items() for x in field.encode(value[name])], np.float32)


def refuse_impossible(field: Field) -> None:
    """Raises ValueError."""
    if isinstance(field, Choice):
        if not field.labels or len(set(field.labels)) != len(field.labels):
            raise ValueError(f"field {field.name!r} needs labels, each once")
        if field.open and not all(1 <= len(label) <= MOST_CHARACTERS for label in field.labels):
            raise ValueError(f"labels of field {field.name!r} have 1 to {MOST_CHARACTERS} characters")
    elif not (-np.inf < field.minimum <= field.maximum < np.inf and field.deviation > 0 and np.isfinite(field.mean)):
        raise ValueError(f"field {field.name!r} needs a minimum up to its maximum, and a deviation above 0")
