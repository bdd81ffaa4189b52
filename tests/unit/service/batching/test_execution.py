"""What becomes of a batch on its thread: cut up, or halved until only the culprit fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signature import Head, Input, Signature, TensorSpec
from service.batching.batch_queue import Batch, Call, Shape, Ticket
from service.batching.execution import Failure, Ran, Stacked, Work, halves, joined, split

SIGNATURE = Signature(
    (Input(name="x", spec=TensorSpec("float64", ())),),
    tuple(Head(name=name, spec=TensorSpec("float64", ())) for name in "ab"),
)


class Model:
    """Twice the row for `a`, three times for `b`; raises on batches with a row below zero. It counts its runs."""

    signature = SIGNATURE

    def __init__(self) -> None:
        self.ran: list[list[float]] = []
        self.before: Callable[[], None] = lambda: None

    def run(self, inputs: Any, heads: Collection[str]) -> Any:
        rows = inputs["x"]
        self.ran.append(rows.tolist())
        self.before()
        if (rows < 0).any():
            raise ValueError(f"one of {rows.size} is bad")
        return {head: rows * {"a": 2, "b": 3}[head] for head in heads}


def batch_of(*calls: list[float], heads: str = "a") -> Batch[Call]:
    """A ticket for each call, whose rows stand at places 10, 11 …"""
    tickets = []
    for rows in calls:
        ours: list[Any] = [{"x": np.float64(row)} for row in rows]
        call = Call([{}] * 10 + ours, frozenset(heads), 1.0)
        tickets.append(Ticket(call, range(10, 10 + len(rows)), Shape((), ()), 1, 0.0))
    return Batch(tuple(tickets))


def told(ran: Ran) -> list[Any]:
    """For each ticket its numbers, or the place of its failure."""
    return [part.place if isinstance(part, Failure) else [float(each) for each in part["a"]] for part in ran.parts]


def test_each_ticket_gets_its_rows_of_its_own_heads() -> None:
    batch = batch_of([1, 2], [3])
    batch.tickets[1].call.heads = frozenset("ab")
    model = Model()
    ran = Work(model).execute(batch)
    first, second = ran.parts
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first == {"a": [2, 4]}
    assert second == {"a": [6], "b": [9]}
    assert model.ran == [[1, 2, 3]]
    assert not ran.failed
    assert ran.pad_seconds > 0
    assert ran.compute_seconds > 0


def test_one_bad_row_among_many_calls_fails_its_call_alone() -> None:
    model = Model()
    ran = Work(model).execute(batch_of([1], [2], [-1], [4], [5]))
    assert told(ran) == [[2], [4], 10, [8], [10]]
    assert ran.failed
    assert model.ran[0] == [1, 2, -1, 4, 5]


def test_a_row_alone_that_fails_is_not_run_again() -> None:
    model = Model()
    ran = Work(model).execute(batch_of([-1]))
    assert (told(ran), ran.failed, model.ran) == ([10], True, [[-1]])
    over = Work(model, is_over=lambda ticket: True).execute(batch_of([-1], [2]))
    assert (told(over), over.failed) == ([None, None], True)


def test_the_culprit_inside_a_call_of_many_is_named_and_its_error_is_its_own() -> None:
    model = Model()
    ran = Work(model).execute(batch_of([1, 2, 3], [1, 2, 3, 4, -5, 6, 7]))
    assert told(ran) == [[2, 4, 6], 14]
    failure = ran.parts[1]
    assert isinstance(failure, Failure)
    assert str(failure.error) == "one of 1 is bad"  # what it raised alone, and nothing of the batches before
    assert failure.error.__context__ is None
    assert failure.error.__traceback__ is not None


def test_a_call_fails_whole_so_the_rest_of_it_is_not_run() -> None:
    model = Model()
    Work(model).execute(batch_of([-1, 2, 3, 4]))
    assert model.ran == [[-1, 2, 3, 4], [-1, 2], [-1]]


def test_a_model_that_raises_on_batches_only_answers_all_the_same() -> None:
    model = Model()
    model.before = lambda: (_ for _ in ()).throw(MemoryError()) if len(model.ran[-1]) > 2 else None
    ran = Work(model).execute(batch_of([1, 2, 3, 4, 5], [6]))
    assert told(ran) == [[2, 4, 6, 8, 10], [12]]
    assert ran.failed


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    bad=st.sets(st.integers(0, 80), max_size=4),
)
def test_only_culprits_fail_in_few_runs(sizes: list[int], bad: set[int]) -> None:
    numbers = iter(range(1, 1000))
    calls = [[float(-number if number in bad else number) for number in _take(numbers, size)] for size in sizes]
    model = Model()
    ran = Work(model).execute(batch_of(*calls))
    expected: list[Any] = []
    for rows in calls:
        culprits = [place for place, row in enumerate(rows, 10) if row < 0]
        expected.append(culprits[0] if culprits else [2 * row for row in rows])
    assert told(ran) == expected
    levels = 1 + math.ceil(math.log2(len(sizes))) + math.ceil(math.log2(max(sizes)))
    row_runs = max(sum(row in batch for batch in model.ran) for rows in calls for row in rows)
    assert row_runs <= levels
    culprit_calls = sum(min(rows) < 0 for rows in calls)
    assert len(model.ran) <= max(1, 1 + 2 * culprit_calls * (levels - 1))


def _take(numbers: Any, count: int) -> list[int]:
    return [next(numbers) for _ in range(count)]


def test_who_is_over_is_not_run_again() -> None:
    model, over = Model(), set[Call]()
    batch = batch_of([1], [2], [-3], [4])
    gone = [ticket.call for ticket in batch.tickets[:2]]
    model.before = lambda: over.update(gone)
    ran = Work(model, is_over=lambda ticket: ticket.call in over).execute(batch)
    assert model.ran == [[1, 2, -3, 4], [-3, 4], [-3], [4]]
    for part in ran.parts[:2]:
        assert isinstance(part, Failure)
        assert str(part.error) == "one of 4 is bad"
        assert part.error.__traceback__ is None
    assert told(ran)[2:] == [10, [8]]


def test_a_second_half_that_is_over_is_not_run_either() -> None:
    model = Model()
    batch = batch_of([1], [-2], [3], [4])
    gone = [ticket.call for ticket in batch.tickets[2:]]
    ran = Work(model, is_over=lambda ticket: ticket.call in gone).execute(batch)
    assert model.ran == [[1, -2, 3, 4], [1, -2], [1], [-2]]
    assert told(ran) == [[2], 10, None, None]


def test_a_half_in_which_one_still_waits_is_run() -> None:
    model = Model()
    batch = batch_of([1], [2], [-3], [4])
    gone = batch.tickets[0].call
    ran = Work(model, is_over=lambda ticket: ticket.call is gone).execute(batch)
    assert model.ran[1] == [1, 2]
    assert told(ran) == [[2], [4], 10, [8]]


def test_a_call_of_many_that_is_over_is_not_run_on() -> None:
    model = Model()
    ran = Work(model, is_over=lambda ticket: len(model.ran) == 2).execute(batch_of([1, 2, -3, 4]))
    assert model.ran == [[1, 2, -3, 4], [1, 2]]
    assert told(ran) == [None]


def test_the_times_of_all_attempts_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def pass_time() -> None:
        nonlocal now
        now += 1.0

    def stack(signature: Any, rows: Any, buckets: Any) -> Any:
        nonlocal now
        now += 0.25
        return {"x": np.array([row["x"] for row in rows])}, 0.5

    monkeypatch.setattr("service.batching.execution.time.perf_counter", lambda: now)
    monkeypatch.setattr("service.batching.execution.stack", stack)
    model = Model()
    model.before = pass_time
    fine = Work(model).execute(batch_of([1], [2]))
    assert (fine.padding_rows, fine.pad_seconds, fine.compute_seconds) == (0.5, 0.25, 1.0)
    ran = Work(model).execute(batch_of([1], [-2]))  # together, then each
    assert (ran.pad_seconds, ran.compute_seconds) == (0.75, 3.0)
    assert ran.padding_rows == 0.5  # of the one that was of use
    work = Work(model)
    batch = batch_of([1], [2])
    stacked = work.stack(batch)
    assert stacked.seconds == 0.25
    assert work.execute(batch, stacked).pad_seconds == 0.25


def test_what_was_padded_before_is_not_padded_again() -> None:
    model = Model()
    stacked = Stacked({"x": np.array([7.0, 8.0])}, 0.125, 0.5)
    ran = Work(model).execute(batch_of([1], [2]), stacked)
    assert model.ran == [[7, 8]]
    assert (ran.padding_rows, ran.pad_seconds) == (0.125, 0.5)


def test_rows_that_cannot_be_stacked_are_told_apart_too() -> None:
    batch = batch_of([1], [2], [3])
    batch.tickets[1].call.rows = [{}] * 11
    model = Model()
    ran = Work(model).execute(batch)
    assert told(ran) == [[2], 10, [6]]
    (failure,) = [part for part in ran.parts if isinstance(part, Failure)]
    assert isinstance(failure.error, KeyError)


def test_buckets_reach_the_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stack(*of: Any) -> Any:
        seen.append(of)
        return {"x": np.ones(1)}, 0.0

    monkeypatch.setattr("service.batching.execution.stack", stack)
    batch = batch_of([1])
    Work(Model(), (4, 8)).execute(batch)
    assert seen == [(SIGNATURE, batch.rows, (4, 8))]


def test_halves_are_of_tickets_then_of_rows() -> None:
    def places(batch: Batch[Call]) -> list[list[list[int]]]:
        return [[list(ticket.places) for ticket in half.tickets] for half in halves(batch)]

    assert places(batch_of([1], [2, 3], [4])) == [[[10]], [[10, 11], [10]]]
    assert places(batch_of([1, 2, 3, 4, 5])) == [[[10, 11]], [[12, 13, 14]]]
    batch = batch_of([1, 2], [3])
    batch = Batch(batch.tickets, 7, True)
    assert {half.elements for half in halves(batch)} == {7}


def test_two_halves_are_joined_or_the_first_failure_is_told() -> None:
    first, last = Failure(ValueError(), 1), Failure(ValueError(), 2)
    fine: Any = {"a": [1], "b": [2]}
    more: Any = {"a": [3], "b": [4]}
    both: Any = {"a": [1, 3], "b": [2, 4]}
    assert joined([fine, more]) == both
    assert joined([first, last]) is joined([first, fine]) is joined([first]) is first
    assert joined([fine, last]) is last


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "head 'a' should have 2 rows, the model gave nothing"),
        ({"a": np.zeros(())}, r"head 'a' should have 2 rows, the model gave \(\)"),
        ({"a": np.zeros(3)}, r"head 'a' should have 2 rows, the model gave \(3,\)"),
        ({"a": np.zeros((1, 2))}, r"the model gave \(1, 2\)"),
    ],
)
def test_an_answer_that_is_not_row_by_row_is_refused(answers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split(batch_of([1], [2]).tickets, answers, ["a"], 2)
