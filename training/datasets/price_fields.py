"""From the metadata of many items, as a table has them, to the typed fields of a record.

A column is a quantity when most of its cells in the training rows are numbers, else a choice of the labels found there.
A choice is open when its labels are many, or name brands, of which there is always another one. Knows no files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from models.preprocessing import Choice, Quantity, Record

Cells = Mapping[str, object]
OPEN = frozenset({"brand"})
MOST_LABELS = 40
"""A field with more labels is open, and has the most frequent ones."""


def common_fields(rows: Sequence[Cells]) -> tuple[str, ...]:
    """The fields that at least half of the rows have, in the order in which they come up."""
    counts = Counter(name for row in rows for name in row)
    return tuple(name for name, count in counts.items() if 2 * count >= len(rows))


def record(rows: Sequence[Cells]) -> Record:
    """What these training rows make of the fields that most of them have."""
    names = common_fields(rows)
    return Record(tuple(field(name, [row[name] for row in rows if name in row]) for name in names))


def field(name: str, cells: Sequence[object]) -> Choice | Quantity:
    numbers = [number(cell) for cell in cells]
    known = [each for each in numbers if each is not None]
    if 2 * len(known) > len(cells):
        return quantity(name, known)
    counts = Counter(label(cell) for cell in cells if label(cell))
    labels = sorted(counts, key=lambda each: (-counts[each], each))[:MOST_LABELS]
    return Choice(name, tuple(labels), open=name in OPEN or len(counts) > MOST_LABELS)


def quantity(name: str, numbers: Sequence[float]) -> Quantity:
    """In standard units; taken as far beyond the training rows on either side as these reach, but not below zero."""
    low, high = min(numbers), max(numbers)
    spare = high - low or max(1.0, abs(high))
    minimum = low - spare if low < 0 else max(0.0, low - spare)
    return Quantity(name, minimum, high + spare, float(np.mean(numbers)), float(np.std(numbers)) or 1.0)


def typed(cells: Cells, fields: Record) -> dict[str, object]:
    """The cells of these fields as a caller would write them. Raises ValueError."""
    missing = [each.name for each in fields.fields if not label(cells.get(each.name))]
    if missing:
        raise ValueError(f"no {' and no '.join(missing)}")
    return {each.name: value(cells[each.name], each) for each in fields.fields}


def value(cell: object, kind: Choice | Quantity) -> object:
    if isinstance(kind, Choice):
        return label(cell)
    found = number(cell)
    if found is None:
        raise ValueError(f"{kind.name} is not a number: {cell!r}")
    return found


def label(cell: object) -> str:
    """Empty for what is not there."""
    return "" if cell is None else str(cell).strip()


def number(cell: object) -> float | None:
    """The cell as a finite number, whether it was written as one or as text."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
