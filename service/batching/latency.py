"""How long a batch takes, learnt from batches that ran, by how many rows and how long. Pure: it is told every time.

A batch costs something whatever is in it, and something for each element of its padded tensors; what has been measured
often enough at this size goes before that line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

WEIGHT = 0.2
"""Of the newest time in a cell's mean, once it has a few."""
RECENT = 64
"""Times a cell remembers for its 99th percentile, which is then its slowest."""
KNOWN_AFTER = 3
"""Times after which a cell is believed."""
REFIT_AFTER = 16
"""Times after which the line is drawn anew; at once for a size that is hardly known."""
DEFAULT_OVERHEAD = 256.0
"""Elements whose work is assumed to cost as much as one more batch, while nothing is measured."""


def power_of_two(number: int) -> int:
    """The smallest that holds the number."""
    return 1 << max(0, number - 1).bit_length()


@dataclass(slots=True)
class Cell:
    """Batches of about the same number of rows of about the same length. Times are seconds."""

    seen: int = 0
    rows: float = 0.0
    elements: float = 0.0
    """Of the whole batch."""
    seconds: float = 0.0
    fastest: float = float("inf")
    """Per element, ever."""
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, rows: int, elements: int, seconds: float) -> None:
        self.seen += 1
        weight = max(WEIGHT, 1 / self.seen)
        self.rows += weight * (rows - self.rows)
        self.elements += weight * (elements - self.elements)
        self.seconds += weight * (seconds - self.seconds)
        self.fastest = min(self.fastest, seconds / elements)
        self.recent.append(seconds)

    @property
    def is_known(self) -> bool:
        return self.seen >= KNOWN_AFTER

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else float("inf")

    @property
    def slowest(self) -> float:
        """Of those it remembers: about the 99th percentile."""
        return max(self.recent, default=0.0)


@dataclass(frozen=True)
class Measured:
    """What is known of one size of batch, for people. `elements` are those of one row."""

    rows: int
    elements: int
    batches: int
    seconds: float
    slowest_seconds: float
    rows_per_second: float


class Latency:
    """Seconds of a batch by its rows and the padded elements of one row."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], Cell] = {}
        self._fixed = 0.0
        self._per_element = 0.0
        self._unfitted = 0

    def __repr__(self) -> str:
        fixed, per_element = self._line()
        return f"<Latency [{len(self._cells)} sizes, {fixed:.3g} s + {per_element:.3g} s an element]>"

    @property
    def is_known(self) -> bool:
        return bool(self._cells)

    def observe(self, rows: int, elements: int, seconds: float) -> None:
        """A batch of so many rows, of so many elements each, took so long."""
        if rows < 1 or seconds <= 0:
            return
        cell = self._cells.setdefault((power_of_two(rows), power_of_two(elements)), Cell())
        cell.add(rows, rows * elements, seconds)
        self._unfitted += 1 if cell.seen > KNOWN_AFTER else REFIT_AFTER

    def cell(self, rows: int, elements: int) -> Cell | None:
        """What was measured at this size, or None while that is too little."""
        found = self._cells.get((power_of_two(rows), power_of_two(elements)))
        return found if found is not None and found.is_known else None

    def forget(self, rows: int, elements: int) -> None:
        """What was measured at this size is no longer believed."""
        self._cells.pop((power_of_two(rows), power_of_two(elements)), None)

    def seconds(self, rows: int, elements: int) -> float:
        """What such a batch is expected to take; 0 while nothing is known."""
        fixed, per_element = self._line()
        cell = self.cell(rows, elements)
        if cell is None:
            return fixed + per_element * rows * elements
        return max(0.0, cell.seconds + per_element * (rows * elements - cell.elements))

    def at_best(self, rows: int, elements: int) -> float:
        """What such a batch takes at least: nobody is refused for a size that was never tried.

        One that was measured takes its fastest time for each element. Of another only this is known: it takes no less
        than a smaller one, or than its share of a larger one.
        """
        cell = self.cell(rows, elements)
        if cell is not None:
            return cell.fastest * rows * elements
        ours = rows * elements
        return min((each.fastest * min(each.elements, ours) for each in self._cells.values()), default=0.0)

    def work(self, batches: float, elements: float) -> float:
        """What so many batches with so many elements in all are expected to take."""
        fixed, per_element = self._line()
        return fixed * batches + per_element * elements

    @property
    def fixed(self) -> float:
        """Seconds of a batch, whatever is in it."""
        return self._line()[0]

    @property
    def overhead(self) -> float:
        """How many elements of padding one more batch is worth."""
        fixed, per_element = self._line()
        if len(self._cells) < 2:
            return DEFAULT_OVERHEAD
        return fixed / per_element if per_element > 0 else float("inf")

    def measured(self) -> list[Measured]:
        return [
            Measured(rows, elements, cell.seen, cell.seconds, cell.slowest, cell.rows_per_second)
            for (rows, elements), cell in sorted(self._cells.items())
        ]

    def samples(self) -> list[tuple[int, int, float]]:
        """Rows, elements of one row, and seconds, of every size that is believed: enough to begin another with."""
        return [
            (max(1, round(cell.rows)), max(1, round(cell.elements / cell.rows)), cell.seconds)
            for _, cell in sorted(self._cells.items())
            if cell.is_known
        ]

    def _line(self) -> tuple[float, float]:
        if self._unfitted >= REFIT_AFTER:
            self._fixed, self._per_element = fit(self._points())
            self._unfitted = 0
        return self._fixed, self._per_element

    def _points(self) -> Iterator[tuple[float, float, float]]:
        for cell in self._cells.values():
            # Errors count relative to the time: otherwise the longest batches alone would decide.
            yield cell.elements, cell.seconds, min(cell.seen, RECENT) / cell.seconds**2


def fit(points: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
    """Of the line through (elements, seconds, weight): seconds at nothing, and for each element; none is negative."""
    n = x = y = xx = xy = 0.0
    for elements, seconds, weight in points:
        n += weight
        x += weight * elements
        y += weight * seconds
        xx += weight * elements * elements
        xy += weight * elements * seconds
    if not n:
        return 0.0, 0.0
    spread = n * xx - x * x
    if spread <= 1e-9 * n * xx:  # one size: nothing tells the two apart
        return 0.0, xy / xx
    slope = (n * xy - x * y) / spread
    if slope <= 0:
        return y / n, 0.0
    level = (y - slope * x) / n
    return (level, slope) if level >= 0 else (0.0, xy / xx)
