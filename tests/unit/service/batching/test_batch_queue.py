"""The queue by given times: who is taken, who waits, who goes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from service.batching.batch_queue import Batch, BatchQueue, Call
from service.batching.policy import BatchPolicy
from service.errors import InvalidInput, Overloaded

EMPTY = "<BatchQueue [0 calls, 0 tickets, 0 rows, 0 keys]>"


def queue_of(**policy: Any) -> BatchQueue[Call]:
    return BatchQueue(BatchPolicy(**policy), lambda row: row["x"].shape)


def call_of(*lengths: int, heads: str = "h", deadline: float = 100.0) -> Call:
    rows = [{"x": np.full(length, index)} for index, length in enumerate(lengths)]
    return Call(rows, frozenset(heads), deadline)


def added(queue: BatchQueue[Call], *lengths: int, now: float = 0.0, **more: Any) -> Call:
    call = call_of(*lengths, **more)
    queue.add(call, now)
    return call


def contents(batch: Batch[Call] | None) -> list[tuple[Call, list[int]]]:
    assert batch is not None
    return [(ticket.call, list(ticket.places)) for ticket in batch.tickets]


def test_rows_of_one_key_run_together_oldest_first() -> None:
    queue = queue_of()
    a, b, c = added(queue, 1), added(queue, 2), added(queue, 1)
    assert repr(queue) == "<BatchQueue [3 calls, 3 tickets, 3 rows, 2 keys]>"
    assert contents(queue.take(0)) == [(a, [0]), (c, [0])]
    assert repr(queue) == "<BatchQueue [3 calls, 1 tickets, 1 rows, 1 keys]>"
    assert contents(queue.take(0)) == [(b, [0])]
    assert queue.take(0) is None
    for call in (a, b, c):
        queue.discard(call)
    assert repr(queue) == EMPTY


def test_a_batch_has_the_heads_that_anyone_wants() -> None:
    queue = queue_of()
    added(queue, 1, heads="ab")
    added(queue, 1, heads="c")
    batch = queue.take(0)
    assert batch is not None
    assert (batch.heads, batch.size, len(batch.rows)) == (frozenset("abc"), 2, 2)


def test_a_call_is_cut_by_key_and_by_size() -> None:
    queue = queue_of(max_batch_size=2)
    call = added(queue, 1, 2, 1, 1)
    assert repr(queue) == "<BatchQueue [1 calls, 3 tickets, 4 rows, 2 keys]>"
    assert [contents(queue.take(0)) for _ in range(3)] == [[(call, [0, 2])], [(call, [3])], [(call, [1])]]


def test_tickets_stay_whole_and_nobody_overtakes_in_a_line() -> None:
    queue = queue_of(max_batch_size=4)
    a, b, c = added(queue, 1, 1, 1), added(queue, 1, 1), added(queue, 1)
    assert contents(queue.take(0)) == [(a, [0, 1, 2])]
    assert contents(queue.take(0)) == [(b, [0, 1]), (c, [0])]


def test_a_full_queue_says_so_and_takes_nothing_of_the_call() -> None:
    queue = queue_of(max_queue_size=3)
    first = added(queue, 1, 1)
    with pytest.raises(Overloaded, match="queue full: 2 of 3 rows are waiting"):
        queue.add(call_of(1, 1), 0)
    assert repr(queue) == "<BatchQueue [1 calls, 1 tickets, 2 rows, 1 keys]>"
    added(queue, 1)
    queue.discard(first)
    added(queue, 1, 1)
    assert queue.rows == 3


def test_rows_that_run_make_room() -> None:
    queue = queue_of(max_queue_size=2)
    added(queue, 1, 1)
    queue.take(0)
    added(queue, 1, 1)


@pytest.mark.parametrize("count", [0, 4])
def test_a_call_that_could_never_be_taken_is_invalid(count: int) -> None:
    queue = queue_of(max_queue_size=3)
    with pytest.raises(InvalidInput, match=f"expected from 1 to 3 rows in one request, got {count}"):
        queue.add(call_of(*[1] * count), 0)
    assert repr(queue) == EMPTY


def test_a_row_without_a_key_leaves_nothing_behind() -> None:
    queue = queue_of()
    with pytest.raises(KeyError):
        queue.add(Call([{"x": np.zeros(1)}, {}], frozenset("h"), 1.0), 0)
    assert repr(queue) == EMPTY


def test_with_a_delay_a_batch_waits_until_its_oldest_is_that_old() -> None:
    queue = queue_of(max_batch_size=4, max_queue_delay=5)
    added(queue, 1, now=10)
    added(queue, 1, now=12)
    assert queue.wake_at() == 15
    assert queue.wake_at(busy=True) == 100
    assert queue.take(14.9) is None
    batch = queue.take(15)
    assert batch is not None
    assert batch.size == 2
    assert queue.wake_at() == 100


def test_with_a_delay_a_full_batch_goes_at_once_though_another_is_older() -> None:
    queue = queue_of(max_batch_size=2, max_queue_delay=5)
    old = added(queue, 1, now=0)
    full = added(queue, 2, 2, now=1)
    assert contents(queue.take(1)) == [(full, [0, 1])]
    assert queue.take(1) is None
    assert contents(queue.take(5)) == [(old, [0])]


def test_a_batch_that_is_no_longer_full_waits_again() -> None:
    queue = queue_of(max_batch_size=2, max_queue_delay=5)
    added(queue, 1)
    queue.discard(added(queue, 1))
    assert queue.take(0) is None


def test_the_late_are_forgotten_whole_waiting_or_running() -> None:
    queue = queue_of(max_batch_size=2)
    running, late, other = added(queue, 2, deadline=6), added(queue, 1, 1, 1, deadline=5), added(queue, 3, deadline=7)
    assert [contents(queue.take(0)) for _ in range(2)] == [[(running, [0])], [(late, [0, 1])]]
    assert queue.wake_at(busy=True) == 5
    assert queue.expire(4.9) == []
    assert queue.expire(6) == [late, running]
    assert repr(queue) == "<BatchQueue [1 calls, 1 tickets, 1 rows, 1 keys]>"
    assert contents(queue.take(6)) == [(other, [0])]
    assert (queue.wake_at(), queue.expire(6.9), queue.expire(7)) == (7, [], [other])


def test_the_discarded_never_run_and_never_expire() -> None:
    queue = queue_of()
    call, stranger = added(queue, 1, 2), call_of(1)
    for each in (call, call, stranger):
        queue.discard(each)
    assert repr(queue) == EMPTY
    assert (queue.take(0), queue.expire(1000), queue.wake_at()) == (None, [], None)


def test_a_call_without_a_deadline_never_expires() -> None:
    queue = queue_of()
    added(queue, 1, deadline=float("inf"))
    assert (queue.wake_at(busy=True), queue.expire(1e12)) == (None, [])


def test_drain_forgets_everyone() -> None:
    queue = queue_of()
    calls = [added(queue, 1), added(queue, 2)]
    queue.take(0)
    assert queue.drain() == calls
    assert repr(queue) == EMPTY


def test_answered_calls_leave_no_deadlines_behind() -> None:
    queue = queue_of()
    first = added(queue, 1, deadline=1)
    for _ in range(1000):
        queue.discard(added(queue, 1, deadline=300))
    assert len(queue._deadlines) < 100
    assert queue.expire(1) == [first]


CALLS = st.tuples(
    st.lists(st.integers(1, 3), min_size=1, max_size=6),  # the keys of its rows
    st.frozensets(st.sampled_from("abc"), min_size=1),
    st.integers(0, 12),  # time to its deadline
)


class Schedules(RuleBasedStateMachine):
    """Any order of arriving, taking, leaving and lateness, against a plain list of what must be there."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.policy = BatchPolicy(max_batch_size=3, max_queue_size=12, max_queue_delay=2.0)
        self.queue: BatchQueue[Call] = BatchQueue(self.policy, lambda row: row["x"].shape)
        self.now = 0.0
        self.waiting: list[tuple[Call, int, float]] = []
        self.known: list[Call] = []

    @rule(target=calls, call=CALLS)
    def arrive(self, call: tuple[list[int], frozenset[str], int]) -> Call:
        lengths, heads, patience = call
        made = Call([{"x": np.zeros(length)} for length in lengths], heads, self.now + patience)
        if len(self.waiting) + len(lengths) > 12:
            with pytest.raises(Overloaded):
                self.queue.add(made, self.now)
        else:
            self.queue.add(made, self.now)
            self.known.append(made)
            places = [place for ticket in made.tickets for place in ticket.places]
            assert sorted(places) == list(range(len(lengths)))
            self.waiting += [(made, place, self.now) for place in places]
        return made

    @rule(seconds=st.integers(0, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        late = self.queue.expire(self.now)
        assert sorted(map(id, late)) == sorted(id(call) for call in self.known if call.deadline <= self.now)
        self.forget(late)

    @rule(call=consumes(calls))
    def leave(self, call: Call) -> None:
        self.queue.discard(call)
        self.forget([call])

    def forget(self, calls: list[Call]) -> None:
        self.known = [each for each in self.known if each not in calls]
        self.waiting = [each for each in self.waiting if each[0] not in calls]

    @rule()
    def take(self) -> None:
        batch = self.queue.take(self.now)
        if batch is None:
            assert all(self.now < since + self.policy.max_queue_delay for _, _, since in self.waiting)
            return
        assert len({ticket.key for ticket in batch.tickets}) == 1
        assert len({row["x"].shape for row in batch.rows}) == 1
        assert 1 <= batch.size <= self.policy.max_batch_size
        assert batch.heads == frozenset().union(*(ticket.call.heads for ticket in batch.tickets))
        oldest = self.waiting[0]
        if self.now >= oldest[2] + self.policy.max_queue_delay:
            assert (batch.tickets[0].call, batch.tickets[0].places[0]) == oldest[:2]
        for ticket in batch.tickets:
            for place in ticket.places:
                same_key = [
                    (call, at) for call, at, _ in self.waiting if call.rows[at]["x"].shape == batch.rows[0]["x"].shape
                ]
                assert same_key[0] == (ticket.call, place)
                self.waiting = [each for each in self.waiting if each[:2] != (ticket.call, place)]

    @precondition(lambda self: self.known)
    @rule()
    def drain(self) -> None:
        assert self.queue.drain() == self.known
        self.forget(self.known)

    @invariant()
    def counts_are_right(self) -> None:
        tickets = {id(ticket) for call in self.known for ticket in call.tickets if ticket in self.queue._order}
        keys = {call.rows[place]["x"].shape for call, place, _ in self.waiting}
        assert repr(self.queue) == (
            f"<BatchQueue [{len(self.known)} calls, {len(tickets)} tickets, "
            f"{len(self.waiting)} rows, {len(keys)} keys]>"
        )
        assert self.queue.rows == len(self.waiting)

    @invariant()
    def it_wakes_for_whatever_comes_next(self) -> None:
        moments = [call.deadline for call in self.known]
        assert self.queue.wake_at(busy=True) == min(moments, default=None)
        moments += [since + self.policy.max_queue_delay for _, _, since in self.waiting]
        assert self.queue.wake_at() == min(moments, default=None)


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=9), max_size=20), st.integers(1, 8))
def test_every_row_is_taken_once(calls: list[list[int]], largest: int) -> None:
    queue = queue_of(max_batch_size=largest)
    made = [added(queue, *lengths) for lengths in calls]
    taken: list[tuple[Call, int]] = []
    while (batch := queue.take(0)) is not None:
        taken += [(ticket.call, place) for ticket in batch.tickets for place in ticket.places]
    assert sorted((made.index(call), place) for call, place in taken) == [
        (index, place) for index, lengths in enumerate(calls) for place in range(len(lengths))
    ]
