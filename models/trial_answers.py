"""A model's answers to rows, alone and together, and how far apart two of them are. Knows no padding rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from models.evidence import Seen
from models.signature import Input, Signature
from models.tensors import OBJECT, blank, numpy_dtype
from models.trial_rows import Array, Row

Run = Callable[[Mapping[str, Array], Collection[str]], Mapping[str, Array]]
Answer = Mapping[str, Array]
"""One row's tensor of each head."""
Zeros = Mapping[str, tuple[int, ...]]
"""How many zeros follow the longest row and its tail, by input, for each of its ragged axes."""

TOLERANCE = 1e-5
FLOOR = 1e-6
SHARE = 0.01


class Known(NamedTuple):
    """A row, and the model's answer to it alone."""

    row: Row
    answer: Answer


class Model:
    """Runs rows as one batch. A row has its tail, also alone."""

    def __init__(self, signature: Signature, run: Run) -> None:
        self.signature = signature
        self._run = run

    def answers(self, rows: Sequence[Row], zeros: Zeros | None = None) -> list[Answer]:
        """Raises what the model raises, and ValueError when it does not answer row by row."""
        tensors = {
            each.name: stack(each, [row[each.name] for row in rows], (zeros or {}).get(each.name, ()))
            for each in self.signature.inputs
        }
        found = self._run(tensors, self.signature.head_names)
        for head, tensor in found.items():
            if tensor.shape[:1] != (len(rows),):
                raise ValueError(f"head {head!r} has shape {list(tensor.shape)} for {len(rows)} rows")
        found = {head: np.asarray(tensor) for head, tensor in found.items()}
        return [{head: tensor[place, ...] for head, tensor in found.items()} for place in range(len(rows))]

    def runs(self, row: Row) -> bool:
        try:
            self.answers([row])
        except Exception:  # whatever a graph raises: it does not take this row
            return False
        return True

    def alone(self, rows: Sequence[Row]) -> list[Known]:
        """Each row by itself; those that raise are left out."""
        known = []
        for row in rows:
            try:
                known += [Known(row, self.answers([row])[0])]
            except Exception:
                continue
        return known

    def at_once(self, rows: Sequence[Row]) -> list[Known]:
        """The same of rows of one shape, when neighbours are known not to matter."""
        try:
            return [Known(row, answer) for row, answer in zip(rows, self.answers(rows), strict=True)]
        except Exception:  # one of them; each by itself tells which
            return self.alone(rows)


def stack(each: Input, arrays: Sequence[Array], zeros: Sequence[int]) -> Array:
    """A batch as long as its longest row, the input's tail and as many zeros more."""
    more = iter(zeros)
    sides = [
        max(array.shape[axis] for array in arrays) + (each.padding.tail + next(more, 0) if side is None else 0)
        for axis, side in enumerate(each.spec.shape)
    ]
    batch = blank((len(arrays), *sides), numpy_dtype(each.spec.dtype))
    for place, array in enumerate(arrays):
        corner: tuple[Any, ...] = (place, *map(slice, array.shape), ...)
        np.copyto(batch[corner], array)
    return batch


def flat(tensors: Sequence[Array]) -> Array:
    return np.concatenate([tensor.reshape(-1) for tensor in tensors])


def difference(lone: Array, other: Array) -> float:
    """The largest |a − b| / (1 + |b|), of whole numbers |a − b|, of strings 1 if any differs.

    Infinite where one of the two is not finite.
    """
    if lone.dtype == OBJECT:
        return float(np.any(lone != other))
    is_whole = lone.dtype.kind in "iub"
    a, b = other.astype(np.float64), lone.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b) / (1.0 if is_whole else 1.0 + np.abs(b))
    apart = np.where((other == lone) | (np.isnan(a) & np.isnan(b)), 0.0, np.maximum(apart, float(is_whole)))
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(initial=0.0))


@dataclass
class Responses:
    """How much each head makes of rows that differ: one that is always the same cannot show what padding does."""

    largest: dict[str, float] = field(default_factory=dict)

    def add(self, known: Sequence[Known]) -> None:
        for each in known[1:]:
            for head, tensor in each.answer.items():
                first = known[0].answer[head]
                apart = difference(first, tensor) if first.shape == tensor.shape else 0.0
                if np.isfinite(apart):
                    self.largest[head] = max(apart, self.largest.get(head, 0.0))

    def has(self, head: str) -> bool:
        return self.largest.get(head, 0.0) > TOLERANCE

    def limit(self, head: str) -> float:
        """How far apart equal answers may be: a head that hardly moves at all may move by a hundredth of that."""
        return min(TOLERANCE, max(FLOOR, SHARE * self.largest.get(head, 0.0)))


@dataclass
class Differences:
    """The largest difference of each head between answers that should be equal."""

    rows: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    broke: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether no further trial is needed to know that they differ."""
        return bool(self.broke) or any(apart > TOLERANCE for apart in self.largest.values())

    def compare(self, model: Model, known: Sequence[Known], zeros: Zeros | None = None) -> None:
        """Runs the rows together, with zeros behind them."""
        try:
            answers = model.answers([each.row for each in known], zeros)
        except Exception as error:
            self.broke = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error) else ''}"
            return
        for head in answers[0]:
            self._add(head, [each.answer[head] for each in known], [answer[head] for answer in answers])

    def _add(self, head: str, lone: Sequence[Array], other: Sequence[Array]) -> None:
        shapes = [(a.shape, b.shape) for a, b in zip(lone, other, strict=True) if a.shape != b.shape]
        if shapes:
            self.broke = f"head {head!r} has shape {list(shapes[0][1])} instead of {list(shapes[0][0])}"
            return
        apart = difference(
            np.concatenate([a.reshape(-1) for a in lone]), np.concatenate([b.reshape(-1) for b in other])
        )
        if np.isfinite(apart):
            self.largest[head] = max(apart, self.largest.get(head, 0.0))
        else:
            self.broke = f"head {head!r} has a number that is not finite, alone or in company but not both"

    def seen(self, limit: Callable[[str], float]) -> Seen:
        """With the head that is furthest beyond what it may differ by."""
        head = max(self.largest, key=lambda name: self.largest[name] / limit(name), default="")
        apart = self.largest.get(head, 0.0)
        moved = f"head {head!r} moved by {apart:.2g}" if head and apart > limit(head) else ""
        return Seen(self.rows, head if apart else "", apart, self.broke or moved)
