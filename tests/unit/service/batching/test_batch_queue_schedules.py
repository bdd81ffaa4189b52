"""The queue in any order of events, against plain lists of what waits: what holds of every batch, and of everyone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.batching.batch_queue import LOW, LOW_EVERY, NORMAL, PRIORITIES, Batch, BatchQueue, Call, Shape, Ticket
from service.batching.padding import Geometry
from service.errors import Overloaded

MOST = 24
SIGNATURE = Signature(
    (
        Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("pad", tail=1)),
        Input(name="image", spec=TensorSpec("int32", (None, 2)), padding=Padding("pad")),
        Input(name="series", spec=TensorSpec("float32", (None,))),
    ),
    (Head(name="h", spec=TensorSpec("float32", (1,))),),
)
GEOMETRY = Geometry(SIGNATURE)
ROWS = {
    sides: {"text": np.zeros(sides[0]), "image": np.zeros((sides[1], 2)), "series": np.zeros(sides[2])}
    for sides in product(range(1, 10), range(1, 5), (1, 2))
}
SIDES = st.tuples(st.integers(1, 9), st.sampled_from([1, 1, 1, 3, 4]), st.sampled_from([1, 1, 1, 2]))


@dataclass
class Sizes:
    """So many elements in a batch, as measured times would have it; they may change while rows wait."""

    budget: int = 24
    overhead: float = 0.0
    max_queue_delay: float = 0.0

    def max_rows(self, elements: int) -> int:
        return max(1, self.budget // elements)


SIZES = st.builds(
    Sizes,
    budget=st.sampled_from([1, 12, 30, 80, 300]),
    overhead=st.sampled_from([0.0, 3.0, 9.0, 30.0, float("inf")]),
    max_queue_delay=st.sampled_from([0.0, 2.0]),
)
CALLS = st.tuples(
    st.lists(SIDES, min_size=1, max_size=6),
    st.frozensets(st.sampled_from("abc"), min_size=1),
    st.sampled_from([1.0, 4.0, 12.0, float("inf")]),  # time to its deadline
    st.sampled_from(PRIORITIES),
)


@dataclass(eq=False)
class Waits:
    """A ticket, how many of its priority were before it, and the batches that went while it was ripe."""

    ticket: Ticket[Call]
    position: int
    passed: int = 0

    @property
    def bound(self) -> int:
        """Batches that go before it, and its own, at most."""
        ours = self.position + 1
        return LOW_EVERY * ours if self.ticket.call.priority == LOW else ours + ours // (LOW_EVERY - 1) + 1


class Schedules(RuleBasedStateMachine):
    """Arriving, taking, staging, leaving, lateness and new sizes, in any order."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.sizes = Sizes()
        self.queue: BatchQueue[Call] = BatchQueue(GEOMETRY, self.sizes, MOST)
        self.now = 0.0
        self.known: list[Call] = []
        self.waiting: list[Waits] = []
        self.normal_in_a_row = 0

    # What happens

    @rule(target=calls, call=CALLS)
    def arrive(self, call: tuple[list[tuple[int, int, int]], frozenset[str], float, int]) -> Call:
        rows, heads, patience, priority = call
        made = Call([ROWS[each] for each in rows], heads, self.now + patience, priority)
        if self.rows(self.waiting) + len(rows) > MOST:
            with pytest.raises(Overloaded):
                self.queue.add(made, self.now)
            return made
        self.queue.add(made, self.now)
        self.check_cut(made)
        self.known.append(made)
        for ticket in made.tickets:
            self.waiting.append(Waits(ticket, len(self.of(priority))))
        return made

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(sizes=SIZES)
    def retune(self, sizes: Sizes) -> None:
        vars(self.sizes).update(vars(sizes))

    @rule(call=consumes(calls))
    def leave(self, call: Call) -> None:
        self.queue.discard(call)
        self.forget([call])

    @rule()
    def expire(self) -> None:
        late = self.queue.expire(self.now)
        assert sorted(map(id, late)) == sorted(id(call) for call in self.known if call.deadline <= self.now)
        assert [call.deadline for call in late] == sorted(call.deadline for call in late)
        self.forget(late)

    @rule(sure=st.integers(0, 9))
    def drain(self, sure: int) -> None:
        if not sure:
            assert self.queue.drain() == self.known
            self.forget(self.known)

    @rule(full_only=st.sampled_from([False, False, False, True]))
    def take(self, full_only: bool) -> None:
        batch = self.queue.take(self.now, full_only=full_only)
        if batch is None:
            self.check_that_none_is_due(full_only)
            return
        taken = [each for each in self.waiting if each.ticket in batch.tickets]
        assert len(taken) == len(batch.tickets) == len(set(batch.tickets))  # of those that wait, and none twice
        self.check_who_leads(batch, full_only)
        self.check_order(batch)
        self.check_size(batch)
        # A full batch from the middle takes its priority's turn. While the oldest are ripe there is none of them.
        is_from_the_middle = batch.tickets[0] not in (self.of(NORMAL)[:1] + self.of(LOW)[:1])
        for each in self.waiting:
            each.passed = 0 if is_from_the_middle else each.passed + self.is_ripe(each.ticket)
            assert each.passed <= each.bound
        self.waiting = [each for each in self.waiting if each not in taken]
        self.check_fullness(batch)

    def teardown(self) -> None:
        """Whoever still waits is taken, once."""
        self.now += 10
        while self.waiting:
            before = len(self.waiting)
            self.take(full_only=False)
            assert len(self.waiting) < before
        assert self.queue.take(self.now) is None

    # What is known of those who wait

    def of(self, priority: int, shape: Shape | None = None) -> list[Ticket[Call]]:
        """In the order they came."""
        tickets = (each.ticket for each in self.waiting if each.ticket.call.priority == priority)
        return [ticket for ticket in tickets if shape is None or ticket.shape == shape]

    def first(self, shape: Shape, priority: int) -> Ticket[Call] | None:
        return next(iter(self.of(priority, shape) + self.of(1 - priority, shape)), None)

    def rows(self, waiting: list[Waits]) -> int:
        return sum(len(each.ticket.places) for each in waiting)

    def is_ripe(self, ticket: Ticket[Call]) -> bool:
        return self.now >= ticket.since + self.sizes.max_queue_delay

    def forget(self, calls: list[Call]) -> None:
        gone = set(map(id, calls))
        self.known = [each for each in self.known if id(each) not in gone]
        self.waiting = [each for each in self.waiting if id(each.ticket.call) not in gone]

    # What must hold

    def check_cut(self, call: Call) -> None:
        """Each row once, those of one shape in order and together as far as they may be."""
        places = [place for ticket in call.tickets for place in ticket.places]
        assert sorted(places) == list(range(len(call.rows)))
        by_shape: dict[Shape, list[Ticket[Any]]] = {}
        for ticket in call.tickets:
            by_shape.setdefault(ticket.shape, []).append(ticket)
            for row in (call.rows[place] for place in ticket.places):
                assert ticket.shape == Shape(GEOMETRY.key(row), GEOMETRY.lengths(row))
                assert ticket.elements == GEOMETRY.elements(row, ticket.shape.lengths)
        for tickets in by_shape.values():
            together = [place for ticket in tickets for place in ticket.places]
            assert together == sorted(together)
            most = self.sizes.max_rows(tickets[0].elements)
            assert [len(ticket.places) for ticket in tickets[:-1]] == [most] * (len(tickets) - 1)
            assert len(tickets[-1].places) <= most

    def check_that_none_is_due(self, full_only: bool) -> None:
        for priority in PRIORITIES:
            for ticket in self.of(priority):
                assert full_only or not self.is_ripe(ticket)
        for priority, other in (PRIORITIES, PRIORITIES[::-1]):
            # Lines that are full by themselves; `full_only` asks for the one whose turn it is.
            is_turn = (priority == LOW) == (self.normal_in_a_row >= LOW_EVERY - 1) or not self.of(other)
            for ticket in self.of(priority)[: is_turn if full_only else None]:
                line = sum(len(each.places) for each in self.of(priority, ticket.shape) + self.of(other, ticket.shape))
                assert line < self.sizes.max_rows(ticket.elements)

    def check_who_leads(self, batch: Batch[Call], full_only: bool) -> None:
        """The oldest of a priority, low at least once in LOW_EVERY. One that is not may go before its time, if full."""
        seed = batch.tickets[0]
        priority = seed.call.priority
        firsts = [each for each in (next(iter(self.of(each)), None) for each in PRIORITIES) if each is not None]
        if any(self.is_ripe(each) for each in firsts) and not full_only:
            assert seed in firsts
            assert batch.is_full or self.is_ripe(seed)
        else:
            assert batch.is_full
        if (low := self.of(LOW)) and self.is_ripe(low[0]) and self.normal_in_a_row >= LOW_EVERY - 1:
            assert priority == LOW
        if (normal := self.of(NORMAL)) and self.is_ripe(normal[0]) and self.normal_in_a_row < LOW_EVERY - 1:
            assert priority == NORMAL
        if priority == LOW:
            self.normal_in_a_row = 0
        elif low:
            self.normal_in_a_row += 1

    def check_order(self, batch: Batch[Call]) -> None:
        """Nobody overtakes in a line, and of one shape the leader's priority comes first."""
        seed = batch.tickets[0]
        for shape in {ticket.shape for ticket in batch.tickets}:
            line = self.of(seed.call.priority, shape) + self.of(1 - seed.call.priority, shape)
            if shape == seed.shape:  # who leads may come from the middle only if nobody is ripe
                line = [seed, *(ticket for ticket in line if ticket is not seed)]
            ours = [ticket for ticket in batch.tickets if ticket.shape == shape]
            assert ours == line[: len(ours)]

    def check_size(self, batch: Batch[Call]) -> None:
        tickets = batch.tickets
        assert len({ticket.shape.key for ticket in tickets}) == 1
        lengths = tuple(max(sides) for sides in zip(*(ticket.shape.lengths for ticket in tickets), strict=True))
        assert batch.elements == GEOMETRY.elements(batch.rows[0], lengths)
        assert batch.size == len(batch.rows) == sum(len(ticket.places) for ticket in tickets)
        assert batch.size <= self.sizes.max_rows(batch.elements) or len(tickets) == 1
        assert batch.heads == frozenset().union(*(ticket.call.heads for ticket in tickets))
        waste = sum(len(ticket.places) * (batch.elements - ticket.elements) for ticket in tickets)
        merges = len({ticket.shape for ticket in tickets}) - 1
        assert merges == waste == 0 or waste < merges * self.sizes.overhead

    def check_fullness(self, batch: Batch[Call]) -> None:
        """Whether one more of those who are left would have been let in, by the queue's own rule."""
        most, priority = self.sizes.max_rows(batch.elements), batch.tickets[0].call.priority
        ours = {ticket.shape for ticket in batch.tickets}
        left = [each for each in (self.first(shape, priority) for shape in ours) if each is not None]
        if batch.is_full:
            assert batch.size >= most or any(batch.size + len(each.places) > most for each in left)
            return
        assert batch.size < most
        assert not left
        lengths = tuple(max(sides) for sides in zip(*(shape.lengths for shape in ours), strict=True))
        for shape in {
            each.ticket.shape for each in self.waiting if each.ticket.shape.key == batch.tickets[0].shape.key
        }:
            first = self.first(shape, priority)
            assert first is not None
            longest = tuple(map(max, lengths, shape.lengths))
            elements = GEOMETRY.elements(first.call.rows[first.places[0]], longest)
            room = self.sizes.max_rows(elements) - batch.size
            rows = sum(len(each.ticket.places) for each in self.waiting if each.ticket.shape == shape)
            waste = batch.size * (elements - batch.elements) + min(room, rows) * (elements - first.elements)
            assert len(first.places) > room or waste >= self.sizes.overhead

    @invariant()
    def counts_are_right(self) -> None:
        keys = len({each.ticket.shape.key for each in self.waiting})
        rows = self.rows(self.waiting)
        counts = f"{len(self.known)} calls, {len(self.waiting)} tickets, {rows} rows, {keys} keys"
        assert repr(self.queue) == f"<BatchQueue [{counts}]>"
        assert (self.queue.calls, self.queue.rows) == (len(self.known), rows)

    @invariant()
    def what_is_ahead_is_right(self) -> None:
        sizes = [[len(ticket.places) * ticket.elements for ticket in self.of(each)] for each in PRIORITIES]
        rows = self.rows(self.waiting)
        batches, elements = self.queue.ahead(LOW)
        assert elements == sum(map(sum, sizes))
        assert min(rows, 1) <= batches <= rows
        fewer, less = self.queue.ahead(NORMAL)
        assert sum(sizes[NORMAL]) <= less <= elements
        assert fewer <= batches or sizes[LOW]

    @invariant()
    def it_wakes_for_whatever_comes_next(self) -> None:
        moments = [call.deadline for call in self.known if call.deadline != float("inf")]
        assert self.queue.wake_at(busy=True) == min(moments, default=None)
        moments += [each.ticket.since + self.sizes.max_queue_delay for each in self.waiting]
        assert self.queue.wake_at() == min(moments, default=None)


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=4 * settings().max_examples, stateful_step_count=40, deadline=None)
