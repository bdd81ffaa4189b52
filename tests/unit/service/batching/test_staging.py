"""While one batch runs the next is padded, once it is full: what becomes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from service.batching import padding
from service.batching.turns import Turns
from service.errors import DeadlineExceeded, InferenceFailed
from service.events import BatchRan, CallDropped
from tests.unit.service.batching.bench import Bench, benches, pass_time, row, turns, until

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def staging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", 0.0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(max_batch_size=2)
    async with benches(made):
        yield made


def is_nothing_padded(bench: Bench) -> bool:
    return bench.batcher._staged is None


async def stage(bench: Bench, *rows: dict[str, Any], **more: Any) -> list[asyncio.Task[Any]]:
    """A batch that is padded, each row of it a call, behind one that runs."""
    await bench.hold()
    tasks = [bench.submit(each, **more) for each in rows]
    await turns()
    await until(lambda: bench.batcher._staged is not None and bench.batcher._staging is None)
    return tasks


async def test_the_next_batch_is_padded_while_one_runs_and_not_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = await stage(bench, row(1, 2), row(3))
    assert repr(bench.batcher) == "<Batcher [3 calls, 2 rows waiting, 1 running]>"
    monkeypatch.setattr("service.batching.execution.stack", None)  # whoever pads now raises
    bench.release()
    for task, each in zip(tasks, (row(1, 2), row(3)), strict=True):
        np.testing.assert_allclose((await task)["h0"][0], bench.alone(each, "h0"), rtol=1e-5)
    assert bench.sizes == [1, 2]


async def test_its_padding_is_told_though_it_was_done_before(bench: Bench) -> None:
    tasks = await stage(bench, row(1, 2, 3, 4), row(1, 2, 3))
    bench.release()
    await asyncio.gather(*tasks)
    event = [each for each in bench.events if isinstance(each, BatchRan)][-1]
    assert event.padding_rows == 0.25
    assert event.pad_seconds > 0


async def test_a_batch_that_others_may_still_join_is_not_padded_yet(bench: Bench) -> None:
    await bench.hold()
    first = bench.submit(row(2))
    await turns()
    assert is_nothing_padded(bench)
    second, third = bench.submit(row(3)), bench.submit(row(4))
    await turns()
    assert not is_nothing_padded(bench)
    bench.release()
    await asyncio.gather(first, second, third)
    assert bench.sizes == [1, 2, 1]


async def test_only_one_batch_is_padded_at_a_time(bench: Bench) -> None:
    tasks = await stage(bench, *[row(2)] * 6)
    assert repr(bench.batcher) == "<Batcher [7 calls, 6 rows waiting, 1 running]>"
    assert bench.batcher._queue.rows == 4
    bench.release()
    await asyncio.gather(*tasks)
    assert bench.sizes == [1, 2, 2, 2]


async def test_padding_that_is_fast_is_left_to_the_batch_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", 1e9)
    await bench.hold()
    tasks = [bench.submit(row(2)) for _ in range(2)]
    await turns()
    assert is_nothing_padded(bench)
    bench.release()
    await asyncio.gather(*tasks)


async def test_slow_padding_is_noticed_from_the_batches_that_ran(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", 1e-9)
    await bench.hold()
    waiting = [bench.submit(row(2)) for _ in range(2)]
    await turns()
    assert is_nothing_padded(bench)  # nothing is known yet
    bench.release()
    await asyncio.gather(*waiting)
    tasks = await stage(bench, row(3), row(4))
    bench.release()
    await asyncio.gather(*tasks)


async def test_who_leaves_a_padded_batch_is_not_executed(bench: Bench) -> None:
    leaves, stays = await stage(bench, row(1, 2, 3), row(4))
    leaves.cancel()
    await turns()
    assert repr(bench.batcher) == "<Batcher [2 calls, 1 rows waiting, 1 running]>"
    bench.release()
    np.testing.assert_allclose((await stays)["h0"][0], bench.alone(row(4), "h0"), rtol=1e-5)
    assert bench.sizes == [1, 1]
    assert [each for each in bench.events if isinstance(each, CallDropped)] == [CallDropped("m", 1, "cancelled", 1)]


async def test_when_all_leave_a_padded_batch_nothing_is_left_of_it(bench: Bench) -> None:
    tasks = await stage(bench, row(1), row(2))
    for task in tasks:
        task.cancel()
    await turns()
    assert repr(bench.batcher) == "<Batcher [1 calls, 0 rows waiting, 1 running]>"
    others = [bench.submit(row(3)) for _ in range(2)]
    await turns()
    bench.release()
    await asyncio.gather(*others)
    assert bench.sizes == [1, 2]


async def test_a_deadline_holds_in_a_padded_batch_too(bench: Bench) -> None:
    tasks = await stage(bench, row(1), row(2), patience=5)
    pass_time(6)
    for task in tasks:
        with pytest.raises(DeadlineExceeded):
            await task
    bench.release()
    await until(lambda: not bench.batcher.running)
    assert bench.sizes == [1]
    assert repr(bench.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running]>"


async def test_a_row_that_cannot_be_padded_fails_alone(bench: Bench) -> None:
    good, culprit = await stage(bench, row(2), row(1) | {"text": np.array(["x"])})
    assert bench.batcher._stacked is None
    bench.release()
    np.testing.assert_allclose((await good)["h0"][0], bench.alone(row(2), "h0"), rtol=1e-5)
    with pytest.raises(InferenceFailed, match="ValueError"):
        await culprit


async def test_rows_that_cannot_be_padded_together_run_apart(bench: Bench) -> None:
    tasks = await stage(bench, row(2), row(1) | {"text": np.array([1.5])})
    bench.release()
    assert all(await asyncio.gather(*tasks))
    assert bench.sizes == [1, 1, 1]


async def test_nothing_runs_while_the_next_batch_is_being_padded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is its turn: whoever came later would overtake it."""
    gate, threads = threading.Event(), list[str]()

    def stack(*of: Any) -> Any:
        threads.append(threading.current_thread().name)
        gate.wait()
        return padding.stack(*of)

    held = await bench.hold()
    monkeypatch.setattr("service.batching.execution.stack", stack)
    tasks = [bench.submit(row(2)) for _ in range(4)]
    await turns()
    assert bench.batcher._staging is not None
    bench.release()
    await held
    await turns()
    try:
        assert repr(bench.batcher) == "<Batcher [4 calls, 4 rows waiting, 0 running]>"
    finally:
        gate.set()
    await asyncio.gather(*tasks)
    assert bench.sizes == [1, 2, 2]
    assert all(name.startswith("m-1") for name in threads)  # its own, which end with it


async def test_who_is_closed_before_its_padded_batch_ran_is_forgotten_by_the_device(bench: Bench) -> None:
    shared = Turns(1)
    closed = Bench(shared, max_batch_size=2)
    async with benches(closed):
        await stage(closed, row(1), row(2))
        await closed.batcher.close(0)
        assert repr(closed.batcher) == "<Batcher [0 calls, 0 rows waiting, 1 running] closed>"
        closed.release()
        await until(lambda: not closed.batcher.running)
        await turns()
        assert closed.sizes == [1]
        assert not shared._paid
        assert repr(shared) == "<Turns [0 of 1 running, 0 models waiting]>"
