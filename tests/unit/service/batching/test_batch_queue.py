"""The queue by given times: who is taken, who waits, who goes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batching.batch_queue import LOW, LOW_EVERY, NORMAL, RETRY_AFTER, Batch, BatchQueue, Call
from service.errors import InvalidInput, Overloaded

EMPTY = "<BatchQueue [0 calls, 0 tickets, 0 rows, 0 keys]>"


class ByShape:
    """Rows of one length run together; nothing is padded."""

    def key(self, row: Any) -> Any:
        return row["x"].shape

    def lengths(self, row: Any) -> tuple[int, ...]:
        return ()

    def elements(self, row: Any, lengths: tuple[int, ...]) -> int:
        return max(1, int(row["x"].size))


class ByLength(ByShape):
    """Rows of any length run together, padded to the longest."""

    def key(self, row: Any) -> Any:
        return ()

    def lengths(self, row: Any) -> tuple[int, ...]:
        return (row["x"].size,)

    def elements(self, row: Any, lengths: tuple[int, ...]) -> int:
        return lengths[0]


@dataclass
class Fixed:
    """Sizes that never change."""

    largest: int = 32
    overhead: float = 0.0
    max_queue_delay: float = 0.0

    def max_rows(self, elements: int) -> int:
        return self.largest


def queue_of(max_batch_size: int = 32, max_queue_size: int = 1024, max_queue_delay: float = 0.0) -> BatchQueue[Call]:
    return BatchQueue(ByShape(), Fixed(max_batch_size, max_queue_delay=max_queue_delay), max_queue_size)


def call_of(*lengths: int, heads: str = "h", deadline: float = 100.0, priority: int = NORMAL) -> Call:
    rows = [{"x": np.full(length, index)} for index, length in enumerate(lengths)]
    return Call(rows, frozenset(heads), deadline, priority)


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
    with pytest.raises(Overloaded, match=r"^queue full: 2 of 3 rows are waiting$") as refusal:
        queue.add(call_of(1, 1), 0)
    assert (refusal.value.retry_after, refusal.value.cause) == (RETRY_AFTER, "queue_full")
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


def test_of_those_late_at_once_the_first_to_come_is_the_first_to_be_told() -> None:
    queue = queue_of()
    calls = [added(queue, 1, deadline=5) for _ in range(20)]
    assert queue.expire(5) == calls


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


def test_low_priority_that_has_waited_long_enough_does_not_wait_for_a_young_normal_one() -> None:
    queue = queue_of(max_queue_delay=5)
    low = added(queue, 1, now=0, priority=LOW)
    added(queue, 2, now=4)
    assert queue.wake_at() == 5
    assert contents(queue.take(5)) == [(low, [0])]


def test_a_normal_one_that_has_waited_long_enough_does_not_wait_for_a_young_one_of_low_priority() -> None:
    queue = queue_of(max_queue_delay=5)
    added(queue, 9, now=0, priority=LOW)
    for _ in range(LOW_EVERY - 1):
        added(queue, 1, now=-9)
        queue.take(0)
    queue.drain()
    normal = added(queue, 2, now=10)
    added(queue, 9, now=14, priority=LOW)  # whose turn it is
    assert queue.wake_at() == 15
    assert contents(queue.take(15)) == [(normal, [0])]


def test_low_priority_has_one_batch_in_so_many_while_both_wait() -> None:
    queue = queue_of(max_batch_size=1)
    for _ in range(2 * LOW_EVERY):
        added(queue, 1)
        added(queue, 1, priority=LOW)
    taken = [queue.take(0) for _ in range(2 * LOW_EVERY)]
    order = [batch.tickets[0].call.priority for batch in taken if batch is not None]
    assert order == ([NORMAL] * (LOW_EVERY - 1) + [LOW]) * 2


def test_batches_that_nobody_of_low_priority_waited_for_do_not_count_towards_its_turn() -> None:
    queue = queue_of(max_batch_size=1)
    for _ in range(LOW_EVERY):
        added(queue, 1)
        queue.take(0)
    low, normal = added(queue, 1, priority=LOW), added(queue, 1)
    assert contents(queue.take(0)) == [(normal, [0])]
    assert contents(queue.take(0)) == [(low, [0])]


def test_rows_of_low_priority_fill_up_a_normal_batch_and_the_other_way_round() -> None:
    queue = queue_of(max_batch_size=3)
    low, normal = added(queue, 1, priority=LOW), added(queue, 1)
    assert contents(queue.take(0)) == [(normal, [0]), (low, [0])]
    queue = queue_of(max_batch_size=3)
    low, other = added(queue, 2, priority=LOW), added(queue, 2, priority=LOW)
    for _ in range(LOW_EVERY - 1):
        added(queue, 1)
        queue.take(0)
    normal, late = added(queue, 2), added(queue, 2)
    assert contents(queue.take(0)) == [(low, [0]), (other, [0]), (normal, [0])]
    assert contents(queue.take(0)) == [(late, [0])]


@dataclass
class Budget(Fixed):
    """So many elements in a batch."""

    largest: int = 1000

    def max_rows(self, elements: int) -> int:
        return self.largest // elements


def padded(overhead: float, sizes: Fixed | None = None) -> BatchQueue[Call]:
    """Rows of every length may be padded to one another."""
    sizes = sizes or Fixed(100)
    sizes.overhead = overhead
    return BatchQueue(ByLength(), sizes, 1024)


@pytest.mark.parametrize(("overhead", "size"), [(1.0, 1), (1.1, 2), (2.0, 2), (2.1, 3)])
def test_other_lengths_come_along_as_long_as_their_padding_costs_less_than_a_batch(overhead: float, size: int) -> None:
    queue = padded(overhead)
    for length in (3, 4, 2):
        added(queue, length)
    batch = queue.take(0)  # the 4 costs the 3 one element, and the 2 two
    assert batch is not None
    assert (batch.size, batch.elements) == (size, 3 if size == 1 else 4)


def test_of_other_lengths_the_one_that_wastes_least_comes_first() -> None:
    queue = padded(float("inf"))
    for length in (5, 9, 4, 6):
        added(queue, length)
    batch = queue.take(0)
    assert batch is not None
    assert [row["x"].size for row in batch.rows] == [5, 4, 6, 9]
    assert (batch.elements, batch.is_full) == (9, False)


class ByArea(ByShape):
    """Rows of two sides, each padded to the longest."""

    def key(self, row: Any) -> Any:
        return ()

    def lengths(self, row: Any) -> tuple[int, ...]:
        return tuple(row["x"].shape)

    def elements(self, row: Any, lengths: tuple[int, ...]) -> int:
        return len(row) * lengths[0] * lengths[1]


@pytest.mark.parametrize(("overhead", "size"), [(12 + 12, 1), (12 + 12.1, 2)])
def test_rows_that_are_longer_in_different_sides_become_longer_in_both(overhead: float, size: int) -> None:
    sizes = Fixed(100, overhead)
    queue: BatchQueue[Call] = BatchQueue(ByArea(), sizes, 100)
    for sides in ((4, 1), (1, 4)):
        queue.add(Call([{"x": np.zeros(sides)}], frozenset("h"), 100.0), 0)
    batch = queue.take(0)
    assert batch is not None
    assert (batch.size, batch.elements) == (size, 16 if size == 2 else 4)


def test_padding_is_paid_for_every_row_that_joins() -> None:
    queue = padded(3.0)
    added(queue, 4)
    short = added(queue, *[3] * 3)
    assert contents(queue.take(0))[0][0] is not short
    assert contents(queue.take(0)) == [(short, [0, 1, 2])]


def test_padding_is_paid_for_every_row_that_is_there() -> None:
    for rows, joins in ((2, True), (3, False)):
        queue = padded(3.0)
        added(queue, *[3] * rows)
        added(queue, 4)
        batch = queue.take(0)
        assert batch is not None
        assert (batch.size, batch.elements) == ((rows + 1, 4) if joins else (rows, 3))


def test_only_as_many_are_reckoned_as_there_is_room_for() -> None:
    queue = padded(3.0, Fixed(3))
    added(queue, 4)
    for _ in range(9):
        added(queue, 3)
    batch = queue.take(0)
    assert batch is not None
    assert (batch.size, batch.elements, batch.is_full) == (3, 4, True)


def test_longer_rows_leave_room_for_fewer() -> None:
    queue = padded(100.0, Budget(12))
    for length in (2, 2, 2, 6, 2):
        added(queue, length)
    batch = queue.take(0)  # four of 2 leave no room for a 6, of which two would be a batch
    assert batch is not None
    assert (batch.size, batch.elements, batch.is_full) == (4, 2, False)
    added(queue, 2)
    batch = queue.take(0)
    assert batch is not None
    assert (batch.size, batch.elements, batch.is_full) == (2, 6, True)


def test_rows_of_another_length_stay_whole_and_the_first_of_the_leading_priority_decides() -> None:
    queue = padded(100.0, Fixed(3))
    low = added(queue, 3, 3, priority=LOW)
    added(queue, 4, 4, 4, priority=LOW)
    for _ in range(LOW_EVERY - 1):
        added(queue, 9, 9, 9)
        queue.take(0)
    added(queue, 4)
    batch = queue.take(0)
    assert contents(batch) == [(low, [0, 1])]
    assert batch is not None
    assert (batch.elements, batch.is_full) == (3, False)


def test_only_a_full_batch_is_taken_when_no_other_is_wanted() -> None:
    queue = queue_of(max_batch_size=2)
    young = added(queue, 1)
    full = added(queue, 2, 2)
    assert queue.take(100, full_only=True) is None
    other = added(queue, 1)
    assert contents(queue.take(0, full_only=True)) == [(young, [0]), (other, [0])]
    assert contents(queue.take(0, full_only=True)) == [(full, [0, 1])]
    assert queue.take(0, full_only=True) is None


def test_a_batch_is_full_when_the_next_in_line_does_not_fit() -> None:
    queue = queue_of(max_batch_size=4)
    added(queue, 1, 1, 1)
    batch = queue.take(0)
    assert batch is not None
    assert not batch.is_full
    for _ in range(2):
        added(queue, 1, 1, 1)
    batch = queue.take(0, full_only=True)
    assert batch is not None
    assert (batch.size, batch.is_full) == (3, True)


def test_a_full_batch_of_low_priority_goes_though_others_are_older() -> None:
    queue = queue_of(max_batch_size=2, max_queue_delay=5)
    added(queue, 1)
    low = added(queue, 2, priority=LOW)
    other = added(queue, 2, priority=LOW)
    assert contents(queue.take(0)) == [(low, [0]), (other, [0])]


def test_a_ticket_larger_than_what_now_runs_together_runs_alone() -> None:
    sizes = Fixed(4)
    queue: BatchQueue[Call] = BatchQueue(ByShape(), sizes, 100)
    large = added(queue, 1, 1, 1, 1)
    added(queue, 1)
    sizes.largest = 2
    batch = queue.take(0)
    assert contents(batch) == [(large, [0, 1, 2, 3])]
    assert batch is not None
    assert batch.is_full


def test_what_is_ahead_of_a_newcomer() -> None:
    queue = queue_of(max_batch_size=4)
    assert queue.ahead(NORMAL) == queue.ahead(LOW) == (0.0, 0.0)
    added(queue, *[2] * 12)
    assert queue.ahead(NORMAL) == queue.ahead(LOW) == (3.0, 24.0)
    added(queue, *[5] * 8, priority=LOW)
    assert queue.ahead(LOW) == (5.0, 64.0)
    batches, elements = queue.ahead(NORMAL)  # of 4 rows that low priority may slip in, for 12 normal ones
    assert (batches, elements) == (4.0, 44.0)


def test_of_one_row_of_low_priority_a_newcomer_expects_its_share() -> None:
    queue = queue_of(max_batch_size=1)
    added(queue, 1, 1)
    added(queue, 1, priority=LOW)
    expected = 2 + 2 / (LOW_EVERY - 1)
    assert queue.ahead(NORMAL) == pytest.approx((expected, expected))


@pytest.mark.parametrize(("length", "batches"), [(1, 1.0), (6, 6.0)])
def test_how_many_batches_are_ahead_depends_on_how_long_the_rows_are(length: int, batches: float) -> None:
    queue = padded(0.0, Budget(12))
    added(queue, *[length] * 12)
    assert queue.ahead(NORMAL) == (batches, 12 * length)


def test_rows_that_cannot_run_together_are_a_batch_each() -> None:
    queue = queue_of(max_batch_size=4)
    for length in (1, 2, 3):
        added(queue, length)
    assert queue.ahead(NORMAL) == (3.0, 6.0)


def test_low_priority_alone_is_not_ahead_of_a_normal_newcomer() -> None:
    queue = queue_of()
    added(queue, 1, 1, priority=LOW)
    assert queue.ahead(NORMAL) == (0.0, 0.0)
    assert queue.ahead(LOW)[1] == 2


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
