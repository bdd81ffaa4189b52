"""How large a batch should be and how long it may wait for company, from measured times. Pure: it is given `now`.

The largest batch is not always the fastest: beyond some size a model falls out of the caches. So `auto` climbs, size
by size, while more rows a second come of it and the latency target is kept, and comes down again when they do not.
"""

from __future__ import annotations

from service.batching.latency import Cell, Latency, power_of_two
from service.batching.policy import BatchPolicy

MOST = 256
"""Rows that `auto` lets run together at most."""
SIZES = tuple(1 << power for power in range(MOST.bit_length()))
FIRST = 32
"""Rows that `auto` begins with while nothing is measured."""
GAIN = 1.05
"""How much faster another size has to be to be worth a change: less may be noise."""
LOOK_AFTER = 8
"""Batches of one length between two looks at the size."""
RETRY_AFTER = 1000
"""Batches of one length after which what another size did is no longer believed, and it is tried again."""
FRESH = 64
"""Batches of one length for which what a smaller size did can be compared with what this one does."""
RATE_SECONDS = 1.0
"""How far back the rate of arriving rows looks."""


class Tuner:
    """What the queue asks before it makes a batch. Numbers of the policy stand; `auto` is worked out here."""

    def __init__(self, policy: BatchPolicy, latency: Latency) -> None:
        self._policy = policy
        self._latency = latency
        self._sizes: dict[int, int] = {}
        self._batches: dict[int, int] = {}
        self._tried: dict[tuple[int, int], int] = {}
        """When a size last ran, in batches of its length."""
        self._rate = 0.0
        self._last_arrival = 0.0
        for each in latency.measured():
            self.max_rows(each.elements)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{rows} rows of {elements}" for elements, rows in sorted(self._sizes.items()))
        return f"<Tuner [{sizes}]>"

    def max_rows(self, elements: int) -> int:
        """Rows of so many padded elements that run together at most."""
        if self._policy.max_batch_size != "auto":
            return self._policy.max_batch_size
        length = power_of_two(elements)
        if length not in self._sizes:
            self._sizes[length] = self._first_size(length)
        return self._sizes[length]

    @property
    def sizes(self) -> dict[int, int]:
        """Rows that run together at most, by the elements of one row as far as there were any; 0 for any number."""
        if self._policy.max_batch_size != "auto":
            return {0: self._policy.max_batch_size}
        return dict(sorted(self._sizes.items()))

    def _first_size(self, length: int) -> int:
        """The best of what calibration has measured; beyond that as many elements as a batch of the nearest length."""
        measured = [size for size in SIZES if self._latency.cell(size, length) is not None]
        if measured:
            best = max(measured, key=lambda size: self._cell(size, length).rows_per_second)
            return self._within_target(best if best < measured[-1] else max(best, FIRST), length)
        if not self._sizes:
            return self._within_target(FIRST, length)
        nearest = min(self._sizes, key=lambda known: abs(known.bit_length() - length.bit_length()))
        return self._within_target(min(MOST, max(1, self._sizes[nearest] * nearest // length)), length)

    def _within_target(self, size: int, length: int) -> int:
        while size > 1 and self._is_too_slow(size, length):
            size //= 2
        return size

    def _is_too_slow(self, size: int, length: int) -> bool:
        """Whether a row that comes just after such a batch has begun, and runs in the next, would be late."""
        cell = self._latency.cell(size, length)
        seconds = cell.slowest if cell is not None else self._latency.seconds(size, length)
        return 2 * seconds > self._policy.latency_target

    def _cell(self, size: int, length: int) -> Cell:
        return self._latency.cell(size, length) or Cell()

    def observe(self, rows: int, elements: int) -> None:
        """A batch of this size was measured. Now and then the size for its length is looked at again."""
        if self._policy.max_batch_size != "auto":
            return
        length = power_of_two(elements)
        self._batches[length] = self._batches.get(length, 0) + 1
        self._tried[length, power_of_two(rows)] = self._batches[length]
        if self._batches[length] % LOOK_AFTER == 0:
            size = self.max_rows(elements)
            self._sizes[length] = self._better(length, size, is_wanted=rows > size // 2)

    def _better(self, length: int, size: int, *, is_wanted: bool) -> int:
        """The size, or one that is half or twice as large and faster. `is_wanted`: larger batches would be filled."""
        half, double = size // 2, size * 2
        if half and self._is_too_slow(size, length):
            return half
        here, below, above = (self._latency.cell(each, length) if each else None for each in (size, half, double))
        if here is None:
            return size
        # What the smaller size did in quieter times says nothing about now: else a busy machine would talk it down.
        is_fresh = self._batches.get(length, 0) - self._tried.get((length, half), 0) <= FRESH
        if is_fresh and below is not None and below.rows_per_second > here.rows_per_second * GAIN:
            return half
        if is_wanted and self._batches[length] - self._tried.get((length, double), 0) > RETRY_AFTER:
            self._latency.forget(double, length)  # also that it was too slow: that may have been one pause
            above = None
        if double > MOST or self._is_too_slow(double, length):
            return size
        if above is None:
            return double if is_wanted else size
        return double if above.rows_per_second > here.rows_per_second * GAIN else size

    @property
    def overhead(self) -> float:
        """How many elements of padding one more batch is worth."""
        return self._latency.overhead

    def arrived(self, rows: int, now: float) -> None:
        """So many rows came in. The rate forgets what was a second ago."""
        fading = max(0.0, 1.0 - (now - self._last_arrival) / RATE_SECONDS)
        self._rate = self._rate * fading + rows / RATE_SECONDS
        self._last_arrival = now

    @property
    def max_queue_delay(self) -> float:
        """`auto` waits as long as one more batch costs, if another row is likely to come in that time."""
        if self._policy.max_queue_delay != "auto":
            return self._policy.max_queue_delay
        fixed = self._latency.fixed
        return min(fixed, self._policy.latency_target / 2) if self._rate * fixed >= 1.0 else 0.0
