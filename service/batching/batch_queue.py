"""Who runs next: calls are cut into tickets, tickets are taken as batches. A state machine that is given `now`.

Knows no clock, no event loop, no model, and nothing of a row but its key, its lengths and how large they make it.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from service.batching.padding import Lengths, Row
from service.errors import InvalidInput, Overloaded, Problem

RETRY_AFTER = 1.0
"""Seconds until a full queue is worth another try, where nothing is measured."""
NORMAL, LOW = 0, 1
PRIORITIES = (NORMAL, LOW)
LOW_EVERY = 4
"""While rows of both priorities wait, one batch in so many begins with the oldest row of low priority."""


@dataclass(eq=False, slots=True)
class Call:
    """One request: its rows, the heads it wants, the moment its caller stops waiting, and how urgent it is."""

    rows: Sequence[Row]
    heads: frozenset[str]
    deadline: float
    priority: int = NORMAL
    number: int = field(default=-1, init=False)
    tickets: list[Ticket[Any]] = field(default_factory=list, init=False)


C = TypeVar("C", bound=Call)


@dataclass(frozen=True, slots=True)
class Shape:
    """What rows of one line have in common: the key that lets them share a batch, and their rounded lengths."""

    key: Hashable
    lengths: Lengths


@dataclass(eq=False, slots=True)
class Ticket(Generic[C]):
    """Rows of one call and one shape that run together, by their places in it. `elements` are those of one row."""

    call: C
    places: Sequence[int]
    shape: Shape
    elements: int
    since: float


@dataclass(frozen=True, slots=True)
class Batch(Generic[C]):
    """What runs together: tickets of one key. `elements` are those of one row, padded to the longest of them."""

    tickets: tuple[Ticket[C], ...]
    elements: int = 1
    is_full: bool = False
    """Whether nothing more that waits could have come along."""

    @property
    def rows(self) -> list[Row]:
        return [ticket.call.rows[place] for ticket in self.tickets for place in ticket.places]

    @property
    def heads(self) -> frozenset[str]:
        """Every head that one of the calls wants."""
        return frozenset().union(*{ticket.call.heads for ticket in self.tickets})

    @property
    def size(self) -> int:
        return sum(len(ticket.places) for ticket in self.tickets)


class Rows(Protocol):
    """What the queue asks about a row."""

    def key(self, row: Row) -> Hashable: ...
    def lengths(self, row: Row) -> Lengths: ...
    def elements(self, row: Row, lengths: Lengths) -> int: ...


class Sizes(Protocol):
    """What the queue asks before it makes a batch."""

    def max_rows(self, elements: int) -> int:
        """Rows of so many elements that run together at most."""

    @property
    def overhead(self) -> float:
        """How many elements of padding one more batch is worth."""

    @property
    def max_queue_delay(self) -> float:
        """Seconds a row may wait for company."""


Line = OrderedDict[Ticket[C], None]
"""First in, first out, and anyone may leave from the middle at once."""


@dataclass(slots=True)
class Waiting:
    """How much of one priority waits."""

    rows: int = 0
    elements: int = 0


class BatchQueue(Generic[C]):
    """The oldest first, and with it those of its length, then those whose padding costs less than another batch.

    A call is known until it is discarded, also while it runs: its deadline goes on.
    """

    def __init__(self, rows: Rows, sizes: Sizes, max_queue_size: int) -> None:
        self._geometry = rows
        self._sizes = sizes
        self._most = max_queue_size
        self._calls: dict[int, C] = {}
        self._added = 0
        self._deadlines: list[tuple[float, int]] = []
        self._order: tuple[Line[C], Line[C]] = (OrderedDict(), OrderedDict())
        self._lines: dict[Hashable, dict[Shape, tuple[Line[C], Line[C]]]] = {}
        self._counts = (Waiting(), Waiting())
        self._normal_in_a_row = 0

    def __repr__(self) -> str:
        tickets = sum(len(order) for order in self._order)
        return f"<BatchQueue [{self.calls} calls, {tickets} tickets, {self.rows} rows, {len(self._lines)} keys]>"

    @property
    def calls(self) -> int:
        """Calls that are known, waiting or running."""
        return len(self._calls)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return sum(count.rows for count in self._counts)

    def add(self, call: C, now: float) -> None:
        """Takes the whole call or nothing. Raises Overloaded, InvalidInput for a call that could never be taken."""
        count = len(call.rows)
        if not 1 <= count <= self._most:
            raise InvalidInput(Problem(f"from 1 to {self._most:,} rows in one request", f"{count:,}"))
        if self.rows + count > self._most:
            raise Overloaded(f"queue full: {self.rows:,} of {self._most:,} rows are waiting", RETRY_AFTER)
        call.tickets = list(self._cut(call, now))
        call.number = self._added = self._added + 1
        self._calls[call.number] = call
        if call.deadline != float("inf"):
            heapq.heappush(self._deadlines, (call.deadline, call.number))
        for ticket in call.tickets:
            self._enter(ticket)

    def _cut(self, call: C, now: float) -> Iterator[Ticket[C]]:
        places: dict[Shape, list[int]] = {}
        for place, row in enumerate(call.rows):
            shape = Shape(self._geometry.key(row), self._geometry.lengths(row))
            places.setdefault(shape, []).append(place)
        for shape, ours in places.items():
            elements = self._geometry.elements(call.rows[ours[0]], shape.lengths)
            largest = self._sizes.max_rows(elements)
            for start in range(0, len(ours), largest):
                yield Ticket(call, ours[start : start + largest], shape, elements, now)

    def take(self, now: float, *, full_only: bool = False) -> Batch[C] | None:
        """The next batch, or None while there is none or its time has not come; `full_only`: or it is not full."""
        batch = self._next(now, full_only)
        if batch is None:
            return None
        if batch.tickets[0].call.priority == LOW:
            self._normal_in_a_row = 0
        elif self._order[LOW]:
            self._normal_in_a_row += 1
        for ticket in batch.tickets:
            self._leave(ticket)
        return batch

    def _next(self, now: float, full_only: bool) -> Batch[C] | None:
        delay = self._sizes.max_queue_delay
        for seed in self._seeds():
            batch = self._gather(seed)
            if batch.is_full or (not full_only and now >= seed.since + delay):
                return batch
            if full_only:
                return None
        return self._first_full()

    def _seeds(self) -> list[Ticket[C]]:
        """The oldest of both priorities: normal first, or low when its turn has come."""
        is_turn_of_low = self._normal_in_a_row >= LOW_EVERY - 1
        lines = (self._order[priority] for priority in ((LOW, NORMAL) if is_turn_of_low else PRIORITIES))
        return [next(iter(line)) for line in lines if line]

    def _first_full(self) -> Batch[C] | None:
        """A full batch that another than the oldest is in."""
        tried: set[Shape] = set()
        for order in self._order:
            for ticket in order:
                if ticket.shape not in tried:
                    tried.add(ticket.shape)
                    batch = self._gather(ticket)
                    if batch.is_full:
                        return batch
        return None

    def _gather(self, seed: Ticket[C]) -> Batch[C]:
        """The seed, those of its shape in the order they came, then the other lengths as long as that saves work."""
        draft = Draft(seed, self._sizes.max_rows(seed.elements))
        lines = self._lines[seed.shape.key]
        priority = seed.call.priority
        draft.add_all(lines[seed.shape], priority)
        others = {shape: pair for shape, pair in lines.items() if shape != seed.shape}
        while others and not draft.is_full:
            shape, merged = min(
                ((shape, self._merged(draft, shape, pair, priority)) for shape, pair in others.items()),
                key=lambda each: each[1].waste,
            )
            if merged.waste >= self._sizes.overhead:
                break
            draft.widen(merged, self._sizes.max_rows(merged.elements))
            draft.add_all(others.pop(shape), priority)
        return draft.batch()

    def _merged(self, draft: Draft[C], shape: Shape, pair: tuple[Line[C], Line[C]], priority: int) -> Merged:
        """What it would mean to let the first of another length in, and those behind it as far as they fit."""
        first = next(iter(pair[priority] or pair[1 - priority]))
        lengths = tuple(max(a, b) for a, b in zip(draft.lengths, shape.lengths, strict=True))
        if lengths == draft.lengths:
            elements = draft.elements
        elif lengths == shape.lengths:
            elements = first.elements
        else:
            elements = self._geometry.elements(first.call.rows[first.places[0]], lengths)
        room = self._sizes.max_rows(elements) - draft.rows
        joining = min(room, sum(len(ticket.places) for line in pair for ticket in line))
        if len(first.places) > room:
            return Merged(lengths, elements, float("inf"))
        waste = draft.rows * (elements - draft.elements) + joining * (elements - first.elements)
        return Merged(lengths, elements, waste)

    def expire(self, now: float) -> list[C]:
        """Forgets the calls whose deadline has passed, waiting or running, and returns them."""
        late = []
        while (first := self._next_deadline()) is not None and first <= now:
            call = self._calls[self._deadlines[0][1]]
            self.discard(call)
            late.append(call)
        return late

    def discard(self, call: C) -> None:
        """Forgets the call; what of it still waits never runs. A call that is not known stays so."""
        if self._calls.pop(call.number, None) is None:
            return
        for ticket in call.tickets:
            if ticket in self._order[call.priority]:
                self._leave(ticket)
        call.tickets.clear()  # they know their call: together they would wait for the collector of cycles
        # Deadlines of forgotten calls go when they come up, or here, before they outnumber the others.
        if len(self._deadlines) > 2 * len(self._calls) + 64:
            self._deadlines = [each for each in self._deadlines if each[1] in self._calls]
            heapq.heapify(self._deadlines)

    def drain(self) -> list[C]:
        """Forgets every call, and returns them in the order they came."""
        calls = list(self._calls.values())
        for call in calls:
            self.discard(call)
        return calls

    def ahead(self, priority: int) -> tuple[float, float]:
        """Batches and elements that come before a newcomer of this priority, at most."""
        normal, low = self._counts
        share = 1.0 if priority == LOW else min(1.0, normal.rows / max(1, low.rows) / (LOW_EVERY - 1))
        rows, elements = normal.rows + share * low.rows, normal.elements + share * low.elements
        if not rows:
            return 0.0, 0.0
        full = rows / self._sizes.max_rows(max(1, int(elements / rows)))
        return max(full, min(rows, float(len(self._lines)))), elements

    def wake_at(self, *, busy: bool = False) -> float | None:
        """The next moment at which something is due by itself. While `busy` nobody could take a batch that is."""
        moments = [self._next_deadline()]
        if not busy:
            moments += [seed.since + self._sizes.max_queue_delay for seed in self._seeds()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _next_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0][1] not in self._calls:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _enter(self, ticket: Ticket[C]) -> None:
        priority = ticket.call.priority
        self._order[priority][ticket] = None
        pairs = self._lines.setdefault(ticket.shape.key, {})
        pairs.setdefault(ticket.shape, (OrderedDict(), OrderedDict()))[priority][ticket] = None
        self._count(ticket, 1)

    def _leave(self, ticket: Ticket[C]) -> None:
        priority, shape = ticket.call.priority, ticket.shape
        del self._order[priority][ticket]
        pairs = self._lines[shape.key]
        del pairs[shape][priority][ticket]
        if not any(pairs[shape]):
            del pairs[shape]
        if not pairs:
            del self._lines[shape.key]
        self._count(ticket, -1)

    def _count(self, ticket: Ticket[C], change: int) -> None:
        count = self._counts[ticket.call.priority]
        count.rows += change * len(ticket.places)
        count.elements += change * len(ticket.places) * ticket.elements


@dataclass(frozen=True, slots=True)
class Merged:
    """A batch with rows of another length in it: its lengths, the elements of a row, and how many are padding then."""

    lengths: Lengths
    elements: int
    waste: float


class Draft(Generic[C]):
    """A batch in the making."""

    def __init__(self, seed: Ticket[C], most: int) -> None:
        self.lengths = seed.shape.lengths
        self.elements = seed.elements
        self.tickets = [seed]
        self.rows = len(seed.places)
        self._most = most
        self._was_closed = False

    @property
    def is_full(self) -> bool:
        return self._was_closed or self.rows >= self._most

    def widen(self, merged: Merged, most: int) -> None:
        self.lengths, self.elements, self._most = merged.lengths, merged.elements, most

    def add_all(self, pair: tuple[Line[C], Line[C]], first: int) -> None:
        """The seed's priority first. Tickets stay whole, and nobody overtakes in a line."""
        for priority in (first, 1 - first):
            for ticket in pair[priority]:
                if ticket is self.tickets[0]:
                    continue
                if self.is_full or self.rows + len(ticket.places) > self._most:
                    self._was_closed = True
                    return
                self.tickets.append(ticket)
                self.rows += len(ticket.places)

    def batch(self) -> Batch[C]:
        return Batch(tuple(self.tickets), self.elements, self.is_full)
