"""Which label was taken for which: a matrix small enough to look at, and the mistakes made most often. Pure numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_LABELS = 24
UNKNOWN, OTHERS = "not among the labels", "{count:,} other labels"


@dataclass(frozen=True)
class Confusion:
    """How often each label (row) was answered as each (column)."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    left_out: int = 0
    """Labels that share the last row and column."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """Parts of each row; a label that does not occur has zeros."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(totals, 1), np.float64)


@dataclass(frozen=True)
class Mistake:
    truth: str
    answer: str
    times: int
    of: int
    """How many examples have this truth."""


def confusion_of(
    truth: NDArray[Any], answer: NDArray[Any], labels: Sequence[str], most: int = MOST_LABELS
) -> Confusion:
    """Label indices in; of many labels those stay that occur most often as truth or answer, the others are put
    together. A truth below 0 is of no label the model knows."""
    names = [*labels, UNKNOWN]
    true, said = known(truth, len(labels)), known(answer, len(labels))
    totals = np.bincount(true, minlength=len(names)) + np.bincount(said, minlength=len(names))
    shown = list(range(len(labels))) if len(labels) <= most else np.flatnonzero(totals[:-1]).tolist()
    if len(shown) > most:
        shown = sorted(np.argsort(-totals[:-1], kind="stable")[: most - 1].tolist())
    if totals[-1]:
        shown.append(len(labels))
    others = len(names) - 1 - sum(each < len(labels) for each in shown)
    together = bool(np.delete(totals, shown).any())
    place = np.full(len(names), len(shown))
    place[shown] = np.arange(len(shown))
    size = len(shown) + together
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (place[true], place[said]), 1)
    said_labels = [names[each] for each in shown] + ([OTHERS.format(count=others)] if together else [])
    return Confusion(tuple(said_labels), counts, others if together else 0)


def known(indices: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Whatever is no label's index becomes the one after the last."""
    whole = np.asarray(indices, np.int64)
    return np.where((whole < 0) | (whole >= count), count, whole)


def mistakes(truth: NDArray[Any], answer: NDArray[Any], labels: Sequence[str], most: int = 8) -> list[Mistake]:
    """The pairs that were taken for one another most often."""
    names = [*labels, UNKNOWN]
    true, said = known(truth, len(labels)), known(answer, len(labels))
    totals = Counter(true.tolist())
    wrong = Counter(pair for pair in zip(true.tolist(), said.tolist(), strict=True) if pair[0] != pair[1])
    ranked = sorted(wrong.items(), key=lambda each: (-each[1], each[0]))[:most]
    return [Mistake(names[true], names[said], times, totals[true]) for (true, said), times in ranked]
