"""Callers who leave, models that raise, answers that come late: nobody waits for ever, nobody gets another's answer."""

import asyncio
import gc
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import anyio
import msgspec
import numpy as np
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signature import Padding
from service.batching.batch_queue import LOW, LOW_EVERY, Batch
from service.batching.batcher import Batcher
from service.batching.calls import Waiting
from service.batching.execution import Ran
from service.batching.policy import BatchPolicy
from service.batching.turns import Turns
from service.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Overloaded, ShuttingDown
from service.events import BatchRan, CallDropped, Event
from service.runtime.fake import FakeServable
from tests.unit.service.batching.bench import HEADS, PATIENCE, POISON, SIGNATURE, Bench, benches, pass_time, row, turns

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    async with benches(made):
        yield made


async def test_a_caller_cancels_before_the_answer(bench: Bench) -> None:
    held = await bench.hold()
    held.cancel()
    await turns()
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 1 running]>"
    neighbour = bench.submit(row(2))
    bench.release()
    assert await neighbour
    assert bench.dropped() == ["cancelled"]


async def test_four_in_a_batch_and_one_cancels_while_it_runs(bench: Bench) -> None:
    bench.fake.gate.clear()
    four = [bench.submit(row(n)) for n in range(2, 6)]
    await bench.entered()
    assert repr(bench.batcher) == "<Batcher [4 calls, 0 rows waiting, 1 running]>"
    four[0].cancel()
    await turns()
    bench.release()
    for number, task in enumerate(four[1:], start=3):
        np.testing.assert_allclose((await task)["h0"][0], bench.alone(row(number), "h0"), rtol=1e-5)
    assert four[0].cancelled()


async def test_a_caller_cancels_after_the_answer(bench: Bench) -> None:
    done = bench.submit(row(1))
    await done
    assert not done.cancel()
    assert await bench.submit(row(2))
    assert bench.dropped() == []


async def test_the_answer_and_the_cancellation_come_in_the_same_turn(bench: Bench) -> None:
    held = await bench.hold()
    bench.release()
    bench.batcher._threads.submit(lambda: None).result()  # the batch is done; its answer waits for the loop
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    assert await bench.submit(row(2))


async def test_the_answer_finds_a_caller_who_cancelled_and_does_not_know_it_yet(bench: Bench) -> None:
    bench.fake.gate.clear()
    leaving, neighbour = bench.submit(row(1)), bench.submit(row(2))
    await bench.entered()
    bench.release()
    bench.batcher._threads.submit(lambda: None).result()
    asyncio.get_running_loop().call_soon(leaving.cancel)  # after the answer was sent for, before it is handed out
    assert await neighbour
    assert leaving.cancelled()
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running]>"


async def test_who_waits_behind_a_batch_that_raises_is_answered(bench: Bench) -> None:
    bench.fake.fail_next()
    held = await bench.hold()
    waiting = bench.submit(row(2))
    await turns()
    bench.release()
    assert await waiting
    with pytest.raises(InferenceFailed):
        await held


async def test_a_caller_who_leaves_while_queued_is_never_executed(bench: Bench) -> None:
    held = await bench.hold()
    leaving = [bench.submit(row(9, 9)) for _ in range(8)]
    stays = bench.submit(row(3))
    await turns()
    assert repr(bench.batcher) == "<Batcher [10 calls, 9 rows waiting, 1 running]>"
    for task in leaving:
        task.cancel()
    await turns()
    assert repr(bench.batcher) == "<Batcher [2 calls, 1 rows waiting, 1 running]>"
    bench.release()
    await asyncio.gather(held, stays)
    assert [rows for rows, _ in bench.fake.batches] == [1, 1]
    assert bench.dropped() == ["cancelled"] * 8


async def test_the_model_raises_once_and_then_works(bench: Bench) -> None:
    bench.fake.fail_next()
    with pytest.raises(InferenceFailed, match="RuntimeError"):
        await bench.submit(row(1))
    assert await bench.submit(row(1))
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running]>"


async def test_a_late_ticket_is_told_and_never_executed(bench: Bench) -> None:
    held = await bench.hold()
    late = bench.submit(row(7), row(8), patience=5)
    await turns()
    assert repr(bench.batcher) == "<Batcher [2 calls, 2 rows waiting, 1 running]>"
    pass_time(5)
    with pytest.raises(DeadlineExceeded):
        await late
    assert repr(bench.batcher) == "<Batcher [1 calls, 0 rows waiting, 1 running]>"
    bench.release()
    await held
    assert len(bench.fake.batches) == 1
    assert bench.events[0] == CallDropped("m", 1, "expired", 2)


async def test_each_deadline_is_kept_one_after_the_other_while_nothing_else_happens(bench: Bench) -> None:
    held = await bench.hold()
    for task in [bench.submit(row(2), patience=5), bench.submit(row(3), patience=10)]:
        await turns()
        pass_time(5)
        with pytest.raises(DeadlineExceeded):
            await task
    bench.release()
    await held


async def test_who_comes_too_late_is_not_executed_either(bench: Bench) -> None:
    with pytest.raises(DeadlineExceeded):
        await bench.submit(row(1), patience=-1)
    assert bench.fake.batches == []


async def test_a_deadline_holds_while_the_call_runs(bench: Bench) -> None:
    held = await bench.hold(patience=5)
    pass_time(5)
    with pytest.raises(DeadlineExceeded):
        await held
    assert bench.events == [CallDropped("m", 1, "expired", 0)]
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 1 running]>"
    bench.release()
    assert await bench.submit(row(2))


async def test_shutdown_answers_the_callers_who_wait(bench: Bench) -> None:
    held = await bench.hold()
    queued = bench.submit(row(2))
    await turns()
    closing = asyncio.create_task(bench.batcher.close(10))
    await turns()
    with pytest.raises(ShuttingDown):
        await bench.submit(row(3))
    bench.release()
    assert await held
    assert await queued
    await closing
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running] closed>"


async def test_shutdown_does_not_wait_for_ever(bench: Bench) -> None:
    held = await bench.hold()
    queued = bench.submit(row(2))
    await turns()
    await bench.batcher.close(0)
    for task in (held, queued):
        with pytest.raises(ShuttingDown):
            await task
    assert bench.dropped() == ["shutdown", "shutdown"]
    bench.release()
    while "0 running" not in repr(bench.batcher):
        await anyio.lowlevel.checkpoint()


async def test_many_rows_next_to_single_rows_keep_their_order(bench: Bench) -> None:
    many = [row(n, n, series=1 + n % 2) for n in range(70)]
    large, *singles = [bench.submit(*many), *(bench.submit(row(100 + n)) for n in range(10))]
    for place, tensor in enumerate((await large)["h0"]):
        np.testing.assert_allclose(tensor, bench.alone(many[place], "h0"), rtol=1e-5)
    for number, task in enumerate(singles):
        np.testing.assert_allclose((await task)["h0"][0], bench.alone(row(100 + number), "h0"), rtol=1e-5)
    assert max(rows for rows, _ in bench.fake.batches) <= 32


async def test_each_caller_gets_exactly_the_heads_it_asked_for(bench: Bench) -> None:
    held = await bench.hold()
    draw = np.random.default_rng(1)
    wanted = [tuple(draw.choice(HEADS, draw.integers(1, 12), replace=False)) for _ in range(20)]
    tasks = [bench.submit(row(n), heads=heads) for n, heads in enumerate(wanted)]
    await turns()
    bench.release()
    await held
    for number, (task, heads) in enumerate(zip(tasks, wanted, strict=True)):
        outputs = await task
        assert set(outputs) == set(heads)
        for head in heads:
            np.testing.assert_allclose(outputs[head][0], bench.alone(row(number), head), rtol=1e-5)
    assert len(bench.fake.batches) == 2


async def test_one_poisoned_row_among_32_fails_alone(bench: Bench) -> None:
    held = await bench.hold()
    tasks = [bench.submit(row(POISON if n == 13 else n)) for n in range(32)]
    await turns()
    bench.release()
    await held
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [n for n, result in enumerate(results) if isinstance(result, InferenceFailed)] == [13]
    assert sum(isinstance(result, dict) for result in results) == 31
    assert len(bench.fake.batches) <= 1 + 2 * 6


@pytest.mark.parametrize("wrong", ["rows", "head"])
async def test_a_model_that_does_not_answer_row_by_row_fails_its_callers_only(
    bench: Bench, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = bench.fake.run

    def run(inputs: Any, heads: Any) -> Any:
        return {name: tensor[:0] for name, tensor in right(inputs, heads).items() if wrong == "rows"}

    with monkeypatch.context() as patch:
        patch.setattr(bench.fake, "run", run)
        with pytest.raises(InferenceFailed, match="ValueError"):
            await bench.submit(row(1))
    assert await bench.submit(row(1))


async def test_a_full_queue_tells_the_next_one_at_once() -> None:
    bench = Bench(max_queue_size=2)
    with anyio.fail_after(PATIENCE):
        held = await bench.hold()
        waiting = [bench.submit(row(1)), bench.submit(row(2))]
        await turns()
        with pytest.raises(Overloaded):
            await bench.submit(row(3))
        waiting.pop().cancel()
        await turns()
        waiting.append(bench.submit(row(4)))
        bench.release()
        await asyncio.gather(held, *waiting)
        await bench.batcher.close(5)


async def test_two_instances_run_two_batches_at_once() -> None:
    bench = Bench(instances=2)
    with anyio.fail_after(PATIENCE):
        first = await bench.hold()
        second = bench.submit(row(2))
        await bench.entered()
        assert repr(bench.batcher) == "<Batcher [2 calls, 0 rows waiting, 2 running]>"
        bench.release()
        await asyncio.gather(first, second)
        await bench.batcher.close(5)


async def test_a_batch_waits_for_company_when_it_is_told_to() -> None:
    bench = Bench(max_queue_delay=5, max_batch_size=3)
    with anyio.fail_after(PATIENCE):
        full = [bench.submit(row(n)) for n in range(3)]
        await asyncio.gather(*full)
        first, second = bench.submit(row(1)), bench.submit(row(2))
        await turns()
        assert repr(bench.batcher) == "<Batcher [2 calls, 2 rows waiting, 0 running]>"
        pass_time(5)
        await asyncio.gather(first, second)
        assert [rows for rows, _ in bench.fake.batches] == [3, 2]
        await bench.batcher.close(5)


async def test_the_loop_sleeps_while_a_ripe_batch_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(max_queue_delay=5)
    with anyio.fail_after(PATIENCE):
        bench.fake.gate.clear()
        held = bench.submit(row(1))
        await turns()
        pass_time(5)
        await bench.entered()
        ripe = bench.submit(row(2))
        await turns()
        pass_time(5)
        looks: list[float] = []
        expire = bench.batcher._queue.expire
        monkeypatch.setattr(bench.batcher._queue, "expire", lambda now: looks.append(now) or expire(now))  # type: ignore[func-returns-value]
        for _ in range(20):
            await turns()
        assert len(looks) <= 1
        bench.release()
        await asyncio.gather(held, ripe)
        await bench.batcher.close(5)


async def test_calls_of_one_turn_of_the_loop_are_looked_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    expire = bench.batcher._queue.expire
    monkeypatch.setattr(bench.batcher._queue, "expire", lambda now: looks.append(now) or expire(now))  # type: ignore[func-returns-value]
    await bench.hold()
    assert len(looks) == 1
    tasks = [bench.submit(row(2)) for _ in range(9)]
    await turns()
    assert len(looks) == 2
    bench.release()
    await asyncio.gather(*tasks)
    assert bench.sizes == [1, 9]


async def test_a_batch_is_reported(bench: Bench) -> None:
    await bench.submit(row(1), row(1, 2, 3, 4))
    (event,) = [each for each in bench.events if isinstance(each, BatchRan)]
    assert (event.model, event.version, event.rows, event.failed) == ("m", 1, 2, False)
    assert event.padding_rows == pytest.approx(0.75)
    assert event.pad_seconds > 0
    assert event.compute_seconds > 0
    assert len(event.queue_seconds) == 2  # one for each of its lengths


async def test_how_long_its_tickets_waited_is_reported(bench: Bench) -> None:
    await bench.hold()
    first = bench.submit(row(1))
    await turns()
    pass_time(5)
    second = bench.submit(row(1))
    await turns()
    pass_time(2)
    bench.release()
    await asyncio.gather(first, second)
    event = [each for each in bench.events if isinstance(each, BatchRan)][-1]
    assert event.queue_seconds == pytest.approx((7, 2), abs=1)


async def test_rows_that_ran_are_not_told_as_dropped() -> None:
    bench = Bench(max_batch_size=2, instances=2)
    async with benches(bench):
        bench.fake.gate.clear()
        left = bench.submit(*[row(1)] * 6)
        await turns()
        assert repr(bench.batcher) == "<Batcher [1 calls, 2 rows waiting, 2 running]>"
        left.cancel()
        await turns()
        assert bench.events[-1] == CallDropped("m", 1, "cancelled", 2)


async def test_who_cancels_in_the_turn_that_would_start_it_is_not_executed(bench: Bench) -> None:
    held = await bench.hold()
    leaving = bench.submit(row(2))
    await turns()
    bench.release()
    bench.batcher._threads.submit(lambda: None).result()
    asyncio.get_running_loop().call_soon(leaving.cancel)  # its caller hears of it just after the device is free
    await held
    await turns()
    assert len(bench.fake.batches) == 1
    assert [event for event in bench.events if isinstance(event, CallDropped)] == [CallDropped("m", 1, "cancelled", 1)]


async def test_when_the_next_batch_has_just_been_left_the_one_behind_it_runs_at_once() -> None:
    shared = Turns(1)
    bench = Bench(shared)
    async with benches(bench):
        held = await bench.hold()
        leaving, stays = bench.submit(row(2, series=2)), bench.submit(row(3))
        await turns()
        bench.release()
        bench.batcher._threads.submit(lambda: None).result()
        asyncio.get_running_loop().call_soon(leaving.cancel)
        await held
        assert await stays
        assert bench.sizes == [1, 1]
        await turns()
        assert shared._paid[bench.batcher] < 1  # and nothing for the batch that did not run


async def test_two_instances_begin_in_one_turn_of_the_loop() -> None:
    bench = Bench(instances=2, max_batch_size=1)
    async with benches(bench):
        bench.fake.gate.clear()
        for _ in range(2):
            bench.submit(row(1))
        await turns()
        assert repr(bench.batcher) == "<Batcher [2 calls, 0 rows waiting, 2 running]>"


async def test_a_call_that_fails_in_part_fails_whole_and_its_rest_is_not_executed(bench: Bench) -> None:
    rows = [row(POISON)] * 32 + [row(1)] * 32
    with pytest.raises(InferenceFailed, match=r"on this request, row 0$"):
        await bench.submit(*rows)
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running]>"
    assert [size for size, _ in bench.fake.batches] == [32, 16, 8, 4, 2, 1]


@pytest.mark.parametrize(
    ("rows", "culprit", "where"), [(9, 5, ", row 5"), (2, 1, ", row 1"), (2, 0, ", row 0"), (1, 0, "")]
)
async def test_the_row_that_the_model_raised_on_is_told(bench: Bench, rows: int, culprit: int, where: str) -> None:
    with pytest.raises(InferenceFailed, match=f"^the model raised RuntimeError on this request{where}$"):
        await bench.submit(*[row(POISON if n == culprit else n) for n in range(rows)])


async def test_only_from_batches_that_ran_well_is_learnt_how_long_they_take(bench: Bench) -> None:
    with pytest.raises(InferenceFailed):
        await bench.submit(row(1), row(POISON))
    await turns()
    assert not bench.batcher.latency.is_known
    await bench.submit(row(1))
    await turns()
    (known,) = bench.batcher.latency.measured()
    assert (known.rows, known.elements, known.batches) == (1, 4, 1)
    assert known.seconds > 0


async def test_what_padding_takes_is_a_mean_of_the_last_batches(bench: Bench) -> None:
    batch: Batch[Waiting] = Batch(())
    for _ in range(50):
        bench.batcher._learn(batch, Ran([], pad_seconds=3.0, failed=True))
    assert bench.batcher._pad_seconds == pytest.approx(3.0, rel=1e-3)
    bench.batcher._learn(batch, Ran([], pad_seconds=1.0, failed=True))
    assert 2 < bench.batcher._pad_seconds < 3


def submit_as(bench: Bench, request_id: str, *rows: dict[str, Any], **more: Any) -> asyncio.Task[Any]:
    """As the middleware does, around the request's own task."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        return bench.submit(*rows, **more)


async def test_a_failure_is_logged_with_its_shapes(bench: Bench) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(InferenceFailed):
        await submit_as(bench, "r1", row(1), row(POISON, 1, 2, series=4), heads=("h2", "h1"))
    (line,) = lines
    assert (line["event"], line["model"], line["version"], line["rows"]) == ("the model raised", "m", 1, 1)
    assert (line["row"], line["heads"], line["request_id"]) == (1, ["h1", "h2"], "r1")
    assert line["shapes"] == [("series", (4,)), ("text", (3,))]
    assert "poison" in repr(line["exc_info"])


async def test_what_somebody_bound_under_a_name_of_the_line_keeps_nobody_from_an_answer(bench: Bench) -> None:
    bench.fake.gate.clear()
    with (
        structlog.testing.capture_logs() as lines,
        structlog.contextvars.bound_contextvars(model="mine", rows=9, exc_info=False, event="other"),
    ):
        fails, neighbour = bench.submit(row(POISON)), bench.submit(row(1))
        bench.release()
        with pytest.raises(InferenceFailed):
            await fails
        await neighbour
    assert [(line["model"], line["rows"]) for line in lines] == [("m", 1)]


async def test_a_failure_is_logged_once_for_its_call_and_not_for_who_left(bench: Bench) -> None:
    bench.fake.gate.clear()
    with structlog.testing.capture_logs() as lines:
        left, fails = bench.submit(row(POISON)), bench.submit(row(POISON), row(POISON, series=2))
        await bench.entered()
        left.cancel()
        await turns()
        bench.release()
        with pytest.raises(InferenceFailed):
            await fails
        await bench.batcher.close(5)
    assert [line["rows"] for line in lines] == [1]


async def test_a_line_names_the_request_it_is_about_and_no_other(bench: Bench) -> None:
    """Whichever request's turn of the loop it is: the one that set the batch off, or the one that came last."""
    seen: list[Any] = []
    bench.batcher._emit = lambda event: seen.append(structlog.contextvars.get_contextvars())
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        tasks = [submit_as(bench, f"r{n}", row(POISON if n == 1 else n)) for n in range(3)]
        await asyncio.gather(*tasks, return_exceptions=True)
        await turns()
    assert [line["request_id"] for line in lines] == ["r1"]
    with pytest.raises(DeadlineExceeded):
        await submit_as(bench, "late", row(1), patience=-1)
    assert seen == [{}, {}]  # what runs by itself belongs to nobody


async def test_a_drop_names_the_request_that_was_dropped(bench: Bench) -> None:
    await bench.hold()
    late = submit_as(bench, "late", row(1), patience=5)
    left, shut = submit_as(bench, "left", row(2), row(3)), submit_as(bench, "shut", row(4))
    await turns()
    left.cancel()
    await turns()
    pass_time(5)
    with pytest.raises(DeadlineExceeded, match=r"^its time passed before there was an answer$"):
        await late
    with structlog.contextvars.bound_contextvars(request_id="whoever closes"):
        await bench.batcher.close(0)
    with pytest.raises(ShuttingDown, match=r"^the service shut down before there was an answer$"):
        await shut
    drops = [event for event in bench.events if isinstance(event, CallDropped)]
    assert drops == [
        CallDropped("m", 1, "cancelled", 2, "left"),
        CallDropped("m", 1, "expired", 1, "late"),
        CallDropped("m", 1, "shutdown", 0, ""),
        CallDropped("m", 1, "shutdown", 1, "shut"),
    ]


async def test_normal_priority_goes_before_low_and_low_is_not_forgotten() -> None:
    bench, ran = Bench(max_batch_size=1), list[int]()
    bench.fake.poison = lambda row: bool(ran.append(int(row["text"][0])))  # type: ignore[func-returns-value]
    async with benches(bench):
        await bench.hold()
        for number in (1, 2):
            bench.submit(row(100 + number), priority=LOW)
        for number in range(2, 2 + 2 * LOW_EVERY):
            bench.submit(row(number))
        await turns()
        bench.release()
        await asyncio.gather(*bench.tasks)
    assert ran[0] == 1
    assert ran[LOW_EVERY] == 101
    assert ran[2 * LOW_EVERY] == 102
    normal = [each for each in ran if each < 100]
    assert normal == sorted(normal)


async def test_rows_that_change_one_another_run_one_by_one_and_wait_for_nobody() -> None:
    inputs = tuple(msgspec.structs.replace(each, padding=Padding("alone")) for each in SIGNATURE.inputs)
    bench = Bench(signature=msgspec.structs.replace(SIGNATURE, inputs=inputs), max_batch_size=8, max_queue_delay=1000.0)
    async with benches(bench):
        answers = await asyncio.gather(bench.submit(row(1), row(2)), bench.submit(row(3)))
        assert [len(answer["h0"]) for answer in answers] == [2, 1]
        assert bench.sizes == [1, 1, 1]


async def test_what_nobody_waits_for_is_not_run_again_when_its_batch_fails() -> None:
    bench = Bench(max_batch_size=2)
    async with benches(bench):
        bench.fake.gate.clear()
        culprit, gone = bench.submit(row(POISON)), bench.submit(row(2))
        await bench.entered()
        gone.cancel()
        await turns()
        bench.release()
        with pytest.raises(InferenceFailed):
            await culprit
        assert bench.sizes == [2, 1]


@pytest.mark.parametrize("heads", [("h0", "strange"), ()])
async def test_who_asks_for_other_heads_is_told_which_there_are(bench: Bench, heads: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await bench.submit(row(1), heads=heads)
    (problem,) = refusal.value.problems
    assert problem.expected == f"heads among {sorted(HEADS)}"
    assert problem.got == str(sorted(heads))


async def test_who_comes_when_it_is_closed_is_told_so() -> None:
    bench = Bench()
    async with benches(bench):
        await bench.batcher.close()
        with pytest.raises(ShuttingDown, match="version 1 of 'm' is going away"):
            await bench.submit(row(1))


async def test_a_call_leaves_nothing_for_the_collector_of_cycles(bench: Bench) -> None:
    """With garbage of every call, the collector would stop the service for as long as it takes to go through it."""
    gc.collect()
    gc.disable()
    try:
        await bench.submit(row(1), row(2))
        with pytest.raises(DeadlineExceeded):
            await bench.submit(row(3), patience=1e-9)
        await turns()
        assert not [each for each in gc.get_objects() if isinstance(each, Waiting)]
    finally:
        gc.enable()


async def test_to_close_waits_for_what_runs_and_ends_the_threads(bench: Bench) -> None:
    await bench.submit(row(1))
    (thread,) = bench.batcher._threads._threads
    await bench.batcher.close()
    assert not thread.is_alive()


async def test_to_close_while_a_batch_runs_does_not_wait_for_its_thread(bench: Bench) -> None:
    await bench.hold()
    await bench.batcher.close(0)
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 1 running] closed>"


@pytest.mark.parametrize("heads", [(), ("h0", "h99")])
async def test_heads_that_the_model_has_not_are_refused_before_the_queue(bench: Bench, heads: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="expected heads among"):
        await bench.submit(row(1), heads=heads)
    assert bench.fake.batches == []


async def test_a_row_that_lacks_an_input_is_never_queued(bench: Bench) -> None:
    held = await bench.hold()
    lacking = bench.submit({"series": np.ones(1, np.float32)})
    good = bench.submit(row(2))
    await turns()
    bench.release()
    assert await good
    with pytest.raises(KeyError):
        await lacking
    await held


async def test_even_what_is_no_ordinary_exception_leaves_the_next_batch_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(inputs: Any, heads: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(bench.fake, "run", run)
        with pytest.raises(InferenceFailed, match=r"^the model raised SystemExit on this request$"):
            await bench.submit(row(1), row(2))
    assert [event.failed for event in bench.events if isinstance(event, BatchRan)] == [True]
    assert await bench.submit(row(1))


async def test_a_subscriber_that_raises_costs_no_caller_its_answer() -> None:
    def emit(event: Event) -> None:
        raise RuntimeError("no disk")

    async with Batcher("m", 1, FakeServable(SIGNATURE), BatchPolicy(), emit) as batcher:
        with anyio.fail_after(PATIENCE), structlog.testing.capture_logs() as lines:
            for _ in range(2):
                assert await batcher.submit([row(1)], ["h0"], float("inf"))
            await turns()
        assert [(line["event"], line["event_type"]) for line in lines] == [("a subscriber raised", "BatchRan")] * 2
        assert repr(batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running]>"
    assert repr(batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running] closed>"


async def test_to_leave_the_context_tells_those_who_wait() -> None:
    with anyio.fail_after(PATIENCE):
        bench = Bench()
        async with bench.batcher:
            held = await bench.hold()
            bench.release()
        assert isinstance(await asyncio.gather(held, return_exceptions=True), list)
        assert "[0 calls" in repr(bench.batcher)


@pytest.mark.parametrize("order", list(permutations(("answer", "cancel", "expire", "shutdown"))))
async def test_whatever_comes_first_decides_and_the_rest_finds_nothing(bench: Bench, order: tuple[str, ...]) -> None:
    held = await bench.hold()
    (call,) = bench.batcher._queue._calls.values()
    for what in order:
        if what == "answer":
            bench.batcher._settle(call, {"h0": []})
        elif what == "cancel":
            held.cancel()
            bench.batcher._settle(call, None, "cancelled")
        elif what == "expire":
            bench.batcher._settle(call, DeadlineExceeded(), "expired")
        else:
            bench.batcher._settle(call, ShuttingDown(), "shutdown")
        assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 1 running]>"
    drops = {"cancel": ["cancelled"], "expire": ["expired"], "shutdown": ["shutdown"], "answer": []}
    assert bench.dropped() == drops[order[0]]
    bench.release()
    await asyncio.gather(held, return_exceptions=True)


ROW = st.tuples(st.lists(st.integers(1, 99), min_size=1, max_size=6), st.integers(1, 3))
CALL = st.tuples(st.lists(ROW, min_size=1, max_size=5), st.sets(st.sampled_from(HEADS), min_size=1))
CALLS = st.lists(CALL, min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(calls=CALLS, largest=st.integers(1, 8))
def test_batched_is_alone(calls: Any, largest: int) -> None:
    async def scenario() -> None:
        bench = Bench(max_batch_size=largest)
        rows = [[row(*text, series=series) for text, series in each] for each, _ in calls]
        tasks = [bench.submit(*ours, heads=tuple(heads)) for ours, (_, heads) in zip(rows, calls, strict=True)]
        for ours, (_, heads), outputs in zip(rows, calls, await asyncio.gather(*tasks), strict=True):
            assert set(outputs) == heads
            for head in heads:
                for each, tensor in zip(ours, outputs[head], strict=True):
                    np.testing.assert_allclose(tensor, bench.alone(each, head), rtol=1e-5, atol=1e-5)
        await bench.batcher.close(5)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


async def test_it_is_idle_while_nothing_runs_here_and_nobody_waits_for_the_turns_it_shares() -> None:
    shared = Turns(1)
    one, other = Bench(shared), Bench(shared)
    told: list[tuple[bool, bool]] = []
    async with benches(one, other):
        held = await one.hold()
        told.append((one.batcher.is_idle, other.batcher.is_idle))
        one.release()
        await held
        told.append((one.batcher.is_idle, other.batcher.is_idle))
    assert told == [(False, False), (True, True)]
