"""A small model check: every order of ends, for a call that waits, one that is padded already, and one that runs.

Whatever comes first decides, the caller hears it once, one event at most tells of it, and nothing is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import anyio
import pytest
import structlog

from service.batching.batch_queue import Ticket
from service.batching.calls import Waiting
from service.batching.execution import Failure
from service.errors import DeadlineExceeded, InferenceFailed, ServiceError, ShuttingDown
from service.events import CallDropped
from tests.unit.service.batching.bench import POISON, Bench, benches, pass_time, row, turns, until

pytestmark = pytest.mark.anyio

STATES = ("waits", "is staged", "runs")
ROWS = {"one ticket": 2, "two tickets": 4}
DROPS = {"cancel": "cancelled", "expire": "expired", "shutdown": "shutdown"}
OUTCOMES: dict[str, Callable[[], ServiceError | None]] = {
    "cancel": lambda: None,
    "expire": DeadlineExceeded,
    "shutdown": ShuttingDown,
}
ERRORS: dict[str, type[BaseException]] = {
    "cancel": asyncio.CancelledError,
    "expire": DeadlineExceeded,
    "shutdown": ShuttingDown,
    "fail": InferenceFailed,
}


@pytest.fixture(autouse=True)
def staging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", 0.0)


def submit(bench: Bench, rows: Sequence[dict[str, Any]]) -> asyncio.Task[Any]:
    with structlog.contextvars.bound_contextvars(request_id="ours"):
        return bench.submit(*rows, patience=10)


def dropped(bench: Bench) -> list[str]:
    """What was told of our call."""
    events = (event for event in bench.events if isinstance(event, CallDropped))
    return [event.reason for event in events if event.request_id == "ours"]


async def begin(bench: Bench, state: str, rows: Sequence[dict[str, Any]]) -> asyncio.Task[Any]:
    """A call in that state. Its first ticket is a full batch, so it is padded as soon as another batch runs."""
    bench.fake.gate.clear()
    if state == "runs":
        task = submit(bench, rows)
        await bench.entered()
        return task
    bench.submit(row(1), patience=float("inf"))
    await bench.entered()
    if state == "waits":  # behind another that is staged
        bench.submit(*[row(9)] * 2, patience=float("inf"))
        await turns()
    task = submit(bench, rows)
    await turns()
    await until(lambda: bench.batcher._stacked is not None)
    assert bench.batcher._staged is not None
    assert (bench.batcher._staged.tickets[0].call.rows[0] is rows[0]) == (state == "is staged")
    return task


def call_of(bench: Bench, rows: Sequence[dict[str, Any]]) -> Waiting:
    (call,) = [each for each in bench.batcher._queue._calls.values() if each.rows[0] is rows[0]]
    return call


def part_of(ticket: Ticket[Waiting]) -> Any:
    """An answer that says where each row stood."""
    return {head: list(ticket.places) for head in ticket.call.heads}


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("last", ["answer", "fail"])
async def test_at_the_one_exit_the_first_to_come_decides(state: str, shape: str, last: str) -> None:
    """No turn of the loop between them: the caller hears of it after all of them."""
    for order in permutations(("answer", last, *DROPS) if shape == "two tickets" else (last, *DROPS)):
        bench, rows = Bench(max_batch_size=2), [row(2) for _ in range(ROWS[shape])]
        async with benches(bench):
            task = await begin(bench, state, rows)
            call = call_of(bench, rows)
            assert len(call.tickets) == ROWS[shape] // 2
            calls, parts, decided = bench.batcher._queue.calls, iter([*call.tickets]), ""
            missing = len(call.tickets)
            for what in order:
                if what in ("answer", "fail"):
                    ticket = next(parts)
                    bench.batcher._deliver(ticket, part_of(ticket) if what == "answer" else Failure(ValueError()))
                    missing -= what == "answer"
                else:
                    bench.batcher._settle(call, OUTCOMES[what](), DROPS[what])
                if what != "answer" or not missing:
                    decided = decided or what
                assert call.settled == bool(decided)
                assert bench.batcher._queue.calls == calls - bool(decided)
                if decided != "cancel":
                    assert call.future.done() == bool(decided)
            expected = [DROPS[decided]] if decided in DROPS else []
            assert dropped(bench) == expected
            if decided == "cancel":
                task.cancel()
            result = await outcome(task)
            if decided == "answer":
                assert result == {"h0": list(range(len(rows)))}
            else:
                assert isinstance(result, ERRORS[decided])
            assert dropped(bench) == expected


async def outcome(task: asyncio.Task[Any]) -> Any:
    return (await asyncio.gather(task, return_exceptions=True))[0]


class Ends:
    """The real causes of each end."""

    def __init__(self, bench: Bench, task: asyncio.Task[Any]) -> None:
        self.bench = bench
        self.task = task

    async def answer(self) -> None:
        self.bench.release()

    fail = answer

    async def cancel(self) -> None:
        self.task.cancel()

    async def expire(self) -> None:
        pass_time(11)
        self.bench.batcher.wake()

    async def shutdown(self) -> None:
        self.closing = asyncio.create_task(self.bench.batcher.close(0))


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("last", ["answer", "fail"])
@pytest.mark.parametrize("in_between", ["nothing", "a turn", "its end"])
async def test_of_the_real_causes_one_decides(state: str, shape: str, last: str, in_between: str) -> None:
    for order in permutations((last, *DROPS)):
        rows = [row(POISON if last == "fail" else 2) for _ in range(ROWS[shape])]
        bench = Bench(max_batch_size=2)
        async with benches(bench):
            task = await begin(bench, state, rows)
            call = call_of(bench, rows)
            ends = Ends(bench, task)
            for what in order:
                await getattr(ends, what)()
                if in_between == "a turn":
                    await anyio.lowlevel.checkpoint()
                elif in_between == "its end":
                    await until(task.done)
                    await turns()
            result = await outcome(task)
            kind = next((each for each, error in ERRORS.items() if isinstance(result, error)), "answer")
            if in_between == "its end":
                assert kind == order[0]
            assert call.settled
            assert call.future.done()
            if kind != "cancel":
                assert dropped(bench) == ([DROPS[kind]] if kind in DROPS else [])
            elif in_between == "its end":
                assert dropped(bench) == ["cancelled"]
            else:  # a caller who leaves may have been answered, or late, and not have come round to hear it
                assert len(dropped(bench)) <= 1
            await ends.closing
