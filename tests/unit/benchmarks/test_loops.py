"""The open loop waits for nobody and hides no stall; the closed loop waits for every answer."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque

import anyio
import numpy as np
import pytest

from benchmarks.arrivals import constant
from benchmarks.closed_loop import closed_loop, find_peak
from benchmarks.connection import request
from benchmarks.open_loop import OpenLoop, open_loop
from benchmarks.pool import Pool
from benchmarks.report import summarise
from tests.unit.benchmarks.conftest import Asked, Server

pytestmark = pytest.mark.anyio
ASK = [request("/")]


async def test_an_open_loop_sends_though_nobody_is_answered_and_counts_from_when_each_was_due(server: Server) -> None:
    held: list[Asked] = []

    def answer_all_once_all_have_come(asked: Asked) -> None:
        held.append(asked)
        if len(held) == 20:  # a generator that waited for answers would never come to this
            for each in held:
                each.say()

    server.decide = answer_all_once_all_have_come
    with anyio.fail_after(10):
        async with Pool(server.address) as pool:
            samples = await open_loop(pool, ASK, constant(200, 0.1), patience=5)
    assert [sample.status for sample in samples] == [200] * 20
    assert [sample.due for sample in samples] == pytest.approx(np.arange(20) / 200)
    # The first waited for the last; that the server needed no time for it hides nothing.
    assert samples[0].latency >= samples[-1].due
    assert all(sample.latency >= samples[-1].due - sample.due for sample in samples)


async def test_requests_are_taken_in_turn(server: Server) -> None:
    asked: list[str] = []

    def note(each: Asked) -> None:
        asked.append(each.path)
        each.say()

    server.decide = note
    async with Pool(server.address) as pool:
        await open_loop(pool, [request("/a"), request("/b")], constant(100, 0.05), patience=5)
    assert sorted(asked) == ["/a", "/a", "/a", "/b", "/b"]


async def test_a_generator_that_is_late_counts_it_and_says_so(server: Server) -> None:
    async with Pool(server.address) as pool:
        samples = await open_loop(pool, ASK, np.full(5, -2.0), patience=7)  # all of it was due two seconds ago
    assert all(sample.latency >= sample.lateness >= 2 for sample in samples)
    assert not summarise("", samples, (-3, 0), deadline=1).is_on_time
    assert summarise("", samples, (-3, 0), deadline=100).is_on_time


async def test_room_that_the_generator_lacks_is_lateness(server: Server) -> None:
    held: list[Asked] = []
    server.decide = held.append
    with anyio.fail_after(5):
        async with Pool(server.address, limit=1) as pool:
            samples = await open_loop(pool, ASK, constant(100, 0.02), patience=0.1)
    assert samples[0].lateness < 0.05 < samples[1].lateness  # the second has room when the first hangs up
    assert all(sample.status == 0 for sample in samples)


async def test_a_caller_hangs_up_when_its_patience_is_over(server: Server) -> None:
    server.decide = lambda asked: None
    with anyio.fail_after(5):
        async with Pool(server.address) as pool:
            samples = await open_loop(pool, ASK, constant(100, 0.02), patience=0.05)
            await server.left.wait()
    assert [sample.status for sample in samples] == [0, 0]
    assert all(0.05 <= sample.latency < 1 for sample in samples)
    assert isinstance(server.connections[0].ended, ConnectionResetError)
    assert gc.isenabled()


async def test_a_connection_that_cannot_be_made_or_breaks_is_no_answer(server: Server) -> None:
    server.decide = lambda asked: asked.transport.abort()
    async with Pool(server.address) as pool, Pool("http://127.0.0.1:1") as nowhere:
        broken = await open_loop(pool, ASK, constant(100, 0.02), patience=5)
        refused = await open_loop(nowhere, ASK, constant(100, 0.02), patience=5)
    assert [sample.status for sample in broken + refused] == [0] * 4
    assert all(sample.done == sample.done for sample in broken + refused)


async def test_an_open_loop_is_printable(server: Server) -> None:
    assert repr(OpenLoop(Pool(server.address), ASK, constant(10, 1), patience=1)) == (
        "<OpenLoop [0 of 10 started, 0 not answered]>"
    )


async def test_a_closed_loop_asks_again_only_when_it_is_answered(server: Server) -> None:
    inside = most = 0

    def answer_soon(asked: Asked) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        asyncio.get_running_loop().call_later(0.002, answer, asked)

    def answer(asked: Asked) -> None:
        nonlocal inside
        inside -= 1
        asked.say(429, b"{}", "Retry-After: 2")

    server.decide = answer_soon
    async with Pool(server.address) as pool:
        samples = await closed_loop(pool, ASK, callers=6, seconds=0.1, patience=5)
    assert len(samples) == server.requests > 6
    assert most == len(server.connections) == 6
    assert {(sample.status, sample.retry_after) for sample in samples} == {(429, 2.0)}
    assert all(sample.lateness < 0.05 for sample in samples)


async def test_what_comes_before_the_first_request_is_not_part_of_the_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc, "collect", lambda: time.sleep(0.1))  # as long as it takes in a process that holds much
    async with Pool(server.address) as pool:
        asked = await closed_loop(pool, ASK, callers=2, seconds=0.1, patience=5)
        sent = await open_loop(pool, ASK, constant(100, 0.02), patience=5)
    assert asked[0].due < 0.05
    assert sent[0].lateness < 0.05


async def test_the_peak_is_found_with_as_many_callers_as_it_takes(server: Server) -> None:
    """A server that does 16 at once, each for as long, and makes the others wait too long."""
    queue: deque[Asked] = deque()

    def answer_some() -> None:
        for _ in range(min(16, len(queue))):
            queue.popleft().say()
        timer = asyncio.get_running_loop().call_later(0.04, answer_some)
        timers.append(timer)

    timers: list[asyncio.TimerHandle] = []
    server.decide = queue.append
    answer_some()
    with anyio.fail_after(20):
        async with Pool(server.address) as pool:
            peak = await find_peak(pool, ASK, deadline=0.07, seconds=0.4)
    timers[-1].cancel()
    assert peak.callers == 16
    assert 100 < peak.rate < 500
    assert peak.summary.name == "16 callers"
