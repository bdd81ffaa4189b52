"""Who runs next: calls are cut into tickets, tickets are taken as batches. A state machine that is given `now`.

Knows no clock, no event loop, no model, and nothing of a row but its key.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from service.batching.padding import Row
from service.batching.policy import BatchPolicy
from service.errors import InvalidInput, Overloaded, Problem

RETRY_AFTER = 1.0
"""Seconds until a full queue is worth another try."""


@dataclass(eq=False, slots=True)
class Call:
    """One request: its rows, the heads it wants, and the moment its caller stops waiting."""

    rows: Sequence[Row]
    heads: frozenset[str]
    deadline: float
    number: int = field(default=-1, init=False)
    tickets: list[Ticket[Any]] = field(default_factory=list, init=False)


C = TypeVar("C", bound=Call)


@dataclass(eq=False, slots=True)
class Ticket(Generic[C]):
    """Rows of one call that run together, by their places in it."""

    call: C
    places: Sequence[int]
    key: Hashable
    since: float


@dataclass(frozen=True, slots=True)
class Batch(Generic[C]):
    """What runs together: tickets of one key."""

    tickets: tuple[Ticket[C], ...]

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


Line = OrderedDict[Ticket[C], None]
"""First in, first out, and anyone may leave from the middle at once."""


class BatchQueue(Generic[C]):
    """First come, first served, among rows that may share a batch.

    A call is known until it is discarded, also while it runs: its deadline goes on.
    """

    def __init__(self, policy: BatchPolicy, key_of: Callable[[Row], Hashable]) -> None:
        self._policy = policy
        self._key_of = key_of
        self._calls: dict[int, C] = {}
        self._added = 0
        self._deadlines: list[tuple[float, int]] = []
        self._order: Line[C] = OrderedDict()
        self._lines: dict[Hashable, Line[C]] = {}
        self._rows_of: dict[Hashable, int] = {}
        self._full: dict[Hashable, None] = {}

        self.rows = 0
        """Rows that wait."""

    def __repr__(self) -> str:
        return (
            f"<BatchQueue [{len(self._calls)} calls, {len(self._order)} tickets, {self.rows} rows, "
            f"{len(self._lines)} keys]>"
        )

    @property
    def calls(self) -> int:
        """Calls that are known, waiting or running."""
        return len(self._calls)

    def add(self, call: C, now: float) -> None:
        """Takes the whole call or nothing. Raises Overloaded, InvalidInput for a call that could never be taken."""
        count, room = len(call.rows), self._policy.max_queue_size
        if not 1 <= count <= room:
            raise InvalidInput(Problem(f"from 1 to {room:,} rows in one request", f"{count:,}"))
        if self.rows + count > room:
            raise Overloaded(f"queue full: {self.rows:,} of {room:,} rows are waiting", RETRY_AFTER)
        call.tickets = list(self._cut(call, now))
        call.number = self._added = self._added + 1
        self._calls[call.number] = call
        if call.deadline != float("inf"):
            heapq.heappush(self._deadlines, (call.deadline, call.number))
        for ticket in call.tickets:
            self._order[ticket] = None
            self._lines.setdefault(ticket.key, OrderedDict())[ticket] = None
            self._count(ticket.key, len(ticket.places))

    def _cut(self, call: C, now: float) -> Iterator[Ticket[C]]:
        places: dict[Hashable, list[int]] = {}
        for place, row in enumerate(call.rows):
            places.setdefault(self._key_of(row), []).append(place)
        largest = self._policy.max_batch_size
        for key, ours in places.items():
            for start in range(0, len(ours), largest):
                yield Ticket(call, ours[start : start + largest], key, now)

    def take(self, now: float) -> Batch[C] | None:
        """The next batch, or None while there is none or its time has not come."""
        line = self._next_line(now)
        if line is None:
            return None
        taken: list[Ticket[C]] = []
        room = self._policy.max_batch_size
        for ticket in line:
            room -= len(ticket.places)
            if room < 0:
                break
            taken.append(ticket)
        for ticket in taken:
            self._leave(ticket)
        return Batch(tuple(taken))

    def _next_line(self, now: float) -> Line[C] | None:
        """That of the oldest ticket once its wait is over; until then one that a full batch stands in."""
        if not self._order:
            return None
        oldest = next(iter(self._order))
        if now >= oldest.since + self._policy.max_queue_delay:
            return self._lines[oldest.key]
        return self._lines[next(iter(self._full))] if self._full else None

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
            if ticket in self._order:
                self._leave(ticket)
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

    def wake_at(self, *, busy: bool = False) -> float | None:
        """The next moment at which something is due by itself. While `busy` nobody could take a batch that is."""
        moments = [self._next_deadline()]
        if self._order and not busy:
            moments.append(next(iter(self._order)).since + self._policy.max_queue_delay)
        return min((moment for moment in moments if moment is not None), default=None)

    def _next_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0][1] not in self._calls:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _leave(self, ticket: Ticket[C]) -> None:
        del self._order[ticket]
        line = self._lines[ticket.key]
        del line[ticket]
        if not line:
            del self._lines[ticket.key]
        self._count(ticket.key, -len(ticket.places))

    def _count(self, key: Hashable, change: int) -> None:
        self.rows += change
        rows = self._rows_of.pop(key, 0) + change
        if rows:
            self._rows_of[key] = rows
        if rows >= self._policy.max_batch_size:
            self._full.setdefault(key)
        else:
            self._full.pop(key, None)
