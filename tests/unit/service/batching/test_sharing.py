"""Several models on one device: nobody is kept out, nobody keeps others out, also when it is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.batching.turns import Turns
from service.errors import ShuttingDown
from tests.unit.service.batching.bench import Bench, benches, row, turns, until

pytestmark = pytest.mark.anyio


def timed(bench: Bench, name: str, seconds: float, ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batches take so long, by the loop's clock, and are noted."""
    loop: Any = asyncio.get_running_loop()
    right = bench.fake.run

    def run(inputs: Any, heads: Any) -> Any:
        answer = right(inputs, heads)
        loop.ahead += seconds
        ran.append(name)
        return answer

    monkeypatch.setattr(bench.fake, "run", run)


def flood(bench: Bench, count: int) -> list[asyncio.Task[Any]]:
    return [bench.submit(row(1), patience=1000) for _ in range(count)]


@pytest.mark.parametrize("costs", [(1.0, 1.0), (3.0, 1.0), (1.0, 3.0)])
async def test_flooded_models_share_the_device_by_seconds(
    costs: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, ran = Turns(1), list[str]()
    a, b = Bench(shared, max_batch_size=1), Bench(shared, max_batch_size=1)
    timed(a, "a", costs[0], ran, monkeypatch)
    timed(b, "b", costs[1], ran, monkeypatch)
    async with benches(a, b, seconds=200):
        await asyncio.gather(*flood(a, 20), *flood(b, 20))
        for end in range(1, 16):  # as long as both are flooded
            so_far = ran[:end]
            ahead = costs[0] * so_far.count("a") - costs[1] * so_far.count("b")
            assert abs(ahead) <= max(costs) + 0.5


async def test_a_newcomer_runs_after_the_batch_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, ran = Turns(1), list[str]()
    flooded, newcomer = Bench(shared, max_batch_size=1), Bench(shared)
    timed(flooded, "f", 1.0, ran, monkeypatch)
    timed(newcomer, "n", 1.0, ran, monkeypatch)
    async with benches(flooded, newcomer, seconds=60):
        await flooded.hold()
        tasks = flood(flooded, 10)
        await turns()
        await turns()
        new = newcomer.submit(row(2))
        await turns()
        assert repr(newcomer.batcher) == "<Batcher [1 calls, 1 rows waiting, 0 running]>"
        flooded.release()
        await new
        assert len(ran) - ran.index("n") <= 2  # the flooded one may have gone on by one
        assert ran.index("n") == 1
        await asyncio.gather(*tasks)


async def test_one_that_is_closed_while_it_waits_for_its_turn_passes_it_on() -> None:
    shared = Turns(1)
    runs, closed, other = Bench(shared), Bench(shared), Bench(shared)
    async with benches(runs, closed, other):
        await runs.hold()
        lost = closed.submit(row(1))
        await turns()
        answered = other.submit(row(2))
        await turns()
        await closed.batcher.close(0)
        with pytest.raises(ShuttingDown):
            await lost
        runs.release()
        assert await answered
        assert closed.sizes == []


async def test_one_that_is_closed_while_it_runs_gives_its_turn_back_when_the_batch_is_done() -> None:
    shared = Turns(1)
    closed, other = Bench(shared), Bench(shared)
    async with benches(closed, other):
        await closed.hold()
        answered = other.submit(row(2))
        await turns()
        await closed.batcher.close(0)
        await turns()
        assert other.sizes == []
        closed.release()
        assert await answered
        assert repr(shared) == "<Turns [0 of 1 running, 0 models waiting]>"


async def test_one_whose_callers_all_leave_passes_its_turn_on() -> None:
    shared = Turns(1)
    runs, left, other = Bench(shared), Bench(shared), Bench(shared)
    async with benches(runs, left, other):
        await runs.hold()
        leaves = left.submit(row(1))
        await turns()
        answered = other.submit(row(2))
        await turns()
        leaves.cancel()
        runs.release()
        assert await answered
        assert repr(shared) == "<Turns [0 of 1 running, 0 models waiting]>"


async def test_one_that_waits_for_company_does_not_keep_the_device() -> None:
    shared = Turns(1)
    patient, other = Bench(shared, max_queue_delay=5.0), Bench(shared)
    async with benches(patient, other):
        alone = patient.submit(row(1))
        await turns()
        assert shared._paid[patient.batcher] == 0  # nothing ran
        assert await other.submit(row(2))
        assert repr(shared) == "<Turns [0 of 1 running, 0 models waiting]>"
        alone.cancel()


async def test_one_model_runs_no_more_batches_than_its_instances_however_many_turns_there_are() -> None:
    bench = Bench(Turns(4), instances=2, max_batch_size=1)
    async with benches(bench):
        await bench.hold()
        for _ in range(4):
            bench.submit(row(1))
        await turns()
        assert repr(bench.batcher) == "<Batcher [5 calls, 3 rows waiting, 2 running]>"


async def test_two_turns_that_come_back_at_once_wake_two() -> None:
    shared = Turns(2)
    a, b, c, d = (Bench(shared) for _ in range(4))
    async with benches(a, b, c, d):
        await a.hold()
        await b.hold()
        c.fake.gate.clear()
        for waiting in (c, d):
            waiting.submit(row(1))
            await turns()
        assert repr(shared) == "<Turns [2 of 2 running, 2 models waiting]>"
        a.release()
        b.release()
        for each in (a, b):  # both are done before the loop hears of either
            each.batcher._threads.submit(lambda: None).result()
        await until(lambda: d.sizes)
        await until(lambda: c.sizes)


async def test_what_its_turn_is_paid_with_is_the_time_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Turns(1)
    bench = Bench(shared)
    timed(bench, "a", 7.0, [], monkeypatch)
    async with benches(bench):
        await bench.submit(row(1))
        assert shared._paid[bench.batcher] == pytest.approx(7, abs=1)
