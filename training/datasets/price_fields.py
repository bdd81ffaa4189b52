"""From the metadata of many items, as a table has them, to the typed fields of a record.

A column is a quantity when most of its cells in the training rows are numbers, else a choice of the labels found there.
A choice is open when its labels are many, or name brands, of which there is always another one. Free text is no field.
Knows no files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from models.preprocessing import Choice, Quantity, Record
from models.record import MOST_CHARACTERS

Cells = Mapping[str, object]
OPEN = frozenset({"brand"})
MOST_LABELS = 40
"""A field with more labels is open, and has the most frequent ones."""
LONG_SHARE = 0.1
"""With a larger share of labels that are too long, and more than one, a column is free text; else these are slips."""


def common_fields(rows: Sequence[Cells]) -> tuple[str, ...]:
    """The fields that at least half of the rows fill in, in the order in which they come up."""
    counts = Counter(name for row in rows for name, cell in row.items() if label(cell))
    return tuple(name for name, count in counts.items() if 2 * count >= len(rows))


def record(rows: Sequence[Cells]) -> Record:
    """What these training rows make of the fields that most of them have, but for free text."""
    columns = {name: filled(rows, name) for name in common_fields(rows)}
    return Record(tuple(field(name, cells) for name, cells in columns.items() if not is_free_text(cells)))


def left_out(rows: Sequence[Cells], fields: Record) -> list[str]:
    """Which columns of the rows are none of the fields, and why."""
    others = {name for row in rows for name in row} - {each.name for each in fields.fields}
    free = sorted(others.intersection(common_fields(rows)))
    rare = sorted(others.difference(free))
    told = [f"most rows lack {', '.join(rare)}, so no row's was read"] if rare else []
    if free:
        told.append(f"free text of more than {MOST_CHARACTERS} characters in {', '.join(free)}, so no row's was read")
    return told


def filled(rows: Sequence[Cells], name: str) -> list[object]:
    """The column's cells that say something."""
    return [row[name] for row in rows if label(row.get(name))]


def is_free_text(cells: Sequence[object]) -> bool:
    long = sum(map(is_long, cells))
    return long == len(cells) or long > max(1, LONG_SHARE * len(cells))


def is_long(cell: object) -> bool:
    """Whether it is too long for a label."""
    return number(cell) is None and len(label(cell)) > MOST_CHARACTERS


def field(name: str, cells: Sequence[object]) -> Choice | Quantity:
    numbers = [number(cell) for cell in cells]
    known = [each for each in numbers if each is not None]
    if 2 * len(known) > len(cells):
        return quantity(name, known)
    counts = Counter(label(cell) for cell in cells if len(label(cell)) <= MOST_CHARACTERS)
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
    if is_long(cell):
        raise ValueError(f"{kind.name} has {len(label(cell)):,} characters, more than {MOST_CHARACTERS}")
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
