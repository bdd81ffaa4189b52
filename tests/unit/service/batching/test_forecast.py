"""What a newcomer is told to expect."""

from __future__ import annotations

from typing import Any

import pytest

from service.batching.batch_queue import LOW
from service.batching.forecast import Forecast
from service.batching.latency import Latency
from service.batching.turns import Turns
from tests.unit.service.batching.bench import Bench, benches, measured, pass_time, row, turns, until

pytestmark = pytest.mark.anyio

FIXED, PER_ELEMENT = 4.0, 0.5
ONE = FIXED + 3 * PER_ELEMENT
"""Seconds of one row of three elements."""


def bench_of(turns: Turns | None = None, **policy: Any) -> Bench:
    return Bench(turns, measured(FIXED, PER_ELEMENT), **({"max_batch_size": 4} | policy))


async def test_nothing_is_expected_of_a_model_that_was_never_measured() -> None:
    bench = Bench(latency=Latency())
    async with benches(bench):
        await bench.hold()
        assert bench.batcher.forecast([row(1)]) == Forecast(0.0, 0.0, 0.0)


async def test_of_an_idle_model_only_the_batch_itself() -> None:
    bench = bench_of()
    async with benches(bench):
        told = bench.batcher.forecast([row(1)])
        assert told.wait == 0.0
        assert told.compute == pytest.approx(ONE)
        assert 0 < told.alone <= told.compute


async def test_without_rows_one_as_the_last_that_came_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_of()
    monkeypatch.setattr(bench.batcher, "_learn", lambda batch, ran: None)  # the fake is faster than what was measured
    async with benches(bench):
        await bench.submit(row(*range(40)))
        told, same = bench.batcher.forecast(()), bench.batcher.forecast([row(*range(40))])
        assert (told.wait, told.alone) == (0.0, 0.0)  # whether its time is too short is told when it is read
        assert told.compute == pytest.approx(same.compute)
        await bench.hold()
        assert bench.batcher.forecast(()).wait == pytest.approx(ONE, abs=1)


async def test_a_call_that_is_cut_takes_several_batches() -> None:
    bench = bench_of()
    async with benches(bench):
        told = bench.batcher.forecast([row(1)] * 9)
        assert told.compute == pytest.approx(2 * (FIXED + 12 * PER_ELEMENT) + ONE)
        assert told.alone <= told.compute
        apart = bench.batcher.forecast([row(1), row(1, 2, 3, 4)])
        assert apart.compute == pytest.approx(ONE + FIXED + 6 * PER_ELEMENT)


async def test_a_call_of_exactly_one_batch_takes_one() -> None:
    bench = bench_of()
    async with benches(bench):
        told = bench.batcher.forecast([row(1)] * 4)
        assert told.compute == pytest.approx(FIXED + 12 * PER_ELEMENT)
        assert told.alone == pytest.approx(FIXED + 12 * PER_ELEMENT)


async def test_the_times_of_all_its_lengths_add_up() -> None:
    bench = bench_of()
    async with benches(bench):
        short, long = (bench.batcher.forecast([each]).alone for each in (row(1), row(*range(40))))
        assert bench.batcher.forecast([row(1), row(*range(40))]).alone == pytest.approx(short + long)


async def test_how_many_run_together_depends_on_how_long_they_are() -> None:
    bench = bench_of(max_batch_size="auto", latency_target=60.0)
    async with benches(bench):
        bench.batcher.tuner._sizes.update({4: 2, 64: 1})
        assert bench.batcher.forecast([row(1)] * 2).compute == pytest.approx(FIXED + 6 * PER_ELEMENT)
        twice = bench.batcher.forecast([row(*range(40))] * 2).compute
        assert twice == pytest.approx(2 * (FIXED + 50 * PER_ELEMENT))


async def test_what_runs_is_waited_for_as_long_as_it_should_still_take() -> None:
    bench = bench_of()
    async with benches(bench):
        await bench.hold()
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(ONE, abs=1)
        pass_time(4)
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(ONE - 4, abs=1)
        pass_time(4)
        assert bench.batcher.forecast([row(1)]).wait == 0.0  # late already: it may end at any moment


async def test_what_waits_is_waited_for_and_comes_along() -> None:
    bench = bench_of()
    async with benches(bench):
        await bench.hold()
        for _ in range(8):
            bench.submit(row(1))
        await turns()
        told = bench.batcher.forecast([row(1)])
        assert told.wait == pytest.approx(ONE + 2 * FIXED + 24 * PER_ELEMENT, abs=1)
        assert told.compute == pytest.approx(FIXED + 12 * PER_ELEMENT)
        assert told.alone <= ONE


async def test_with_little_before_it_it_shares_a_batch_with_that() -> None:
    bench = bench_of()
    async with benches(bench):
        await bench.hold()
        assert bench.batcher.forecast([row(1)]).compute == pytest.approx(ONE)
        bench.submit(row(1))
        await turns()
        assert bench.batcher.forecast([row(1)]).compute == pytest.approx(FIXED + 6 * PER_ELEMENT)


async def test_a_batch_that_is_padded_already_is_waited_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", 0.0)
    bench = bench_of()
    async with benches(bench):
        await bench.hold()
        for _ in range(4):
            bench.submit(row(1))
        await until(lambda: bench.batcher._staged)
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(ONE + FIXED + 12 * PER_ELEMENT, abs=1)
        bench.submit(row(1))
        await turns()
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(2 * ONE + FIXED + 12 * PER_ELEMENT, abs=1)


async def test_normal_priority_does_not_wait_for_low() -> None:
    bench = bench_of()
    async with benches(bench):
        await bench.hold()
        for _ in range(8):
            bench.submit(row(1), priority=LOW)
        await turns()
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(ONE, abs=1)
        assert bench.batcher.forecast([row(1)], LOW).wait == pytest.approx(ONE + 2 * FIXED + 24 * PER_ELEMENT, abs=1)


async def test_two_instances_share_what_waits() -> None:
    bench = bench_of(instances=2)
    async with benches(bench):
        await bench.hold()
        assert bench.batcher.forecast([row(1)]).wait == 0.0
        bench.submit(row(1))
        await turns()
        for _ in range(8):
            bench.submit(row(1))
        await turns()
        expected = ONE + (2 * FIXED + 24 * PER_ELEMENT) / 2
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(expected, abs=1)


async def test_the_work_of_other_models_stretches_ones_own() -> None:
    shared = Turns(1)
    bench, other = bench_of(shared), bench_of(shared)
    async with benches(bench, other):
        await bench.hold()
        other.submit(row(1))
        await turns()
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(2 * ONE, abs=1)


async def test_what_waits_for_another_models_turn_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Turns(1)
    bench, other = bench_of(shared), bench_of(shared)
    monkeypatch.setattr(bench.batcher, "_learn", lambda batch, ran: None)
    async with benches(bench, other):
        await bench.submit(row(1))  # also once it has run before
        await turns()
        await other.hold()
        for _ in range(8):
            bench.submit(row(1))
        await turns()
        assert repr(bench.batcher) == "<Batcher [8 calls, 8 rows waiting, 0 running]>"
        assert bench.batcher.forecast([row(1)]).wait == pytest.approx(2 * (2 * FIXED + 24 * PER_ELEMENT), abs=1)


async def test_it_describes_what_it_rests_on() -> None:
    bench = bench_of(max_queue_delay=0.25)
    async with benches(bench):
        told = bench.batcher.describe()
        assert told["rows_by_row_elements"] == {"0": 4}
        assert (told["max_queue_delay"], told["max_queue_delay_now"]) == (0.25, 0.25)
        assert [each["rows"] for each in told["measured"]] == [1, 4, 16]
        assert (told["max_batch_size"], told["max_queue_size"], told["instances"]) == (4, 1024, 1)
        assert told["latency_target"] == 15.0


async def test_before_the_first_call_rows_of_one_element_are_expected() -> None:
    bench = bench_of()
    async with benches(bench):
        assert bench.batcher.forecast(()).compute == pytest.approx(FIXED + PER_ELEMENT)


async def test_a_row_is_as_long_as_its_bucket() -> None:
    bench = bench_of(buckets=(64,))
    async with benches(bench):
        expected = FIXED + (64 + 1 + 1) * PER_ELEMENT  # the bucket of the text, its tail, and the series as it is
        assert bench.batcher.forecast([row(1)]).compute == pytest.approx(expected)
