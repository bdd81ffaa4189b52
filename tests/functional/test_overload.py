"""Overload as callers see it: who can be answered in time is, the others are told at once, and when to come back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
import pytest
import structlog
from structlog.testing import LogCapture

from models.preprocessing import Image
from models.signature import Head, Input, Signature, TensorSpec
from service.api.decoding import PHOTOS_AT_ONCE
from service.app import build_door, running
from service.batching.batch_queue import LOW_EVERY
from service.batching.latency import KNOWN_AFTER
from service.protocol import behind
from service.settings import Batching, Limits, Runtime
from tests.functional.conftest import Manifold, until, write_version
from tests.unit.service.loopback import Site

pytestmark = pytest.mark.anyio

GOOD = {"text": [1, 2, 3], "series": [0.5, 1.5]}
ELEMENTS = 7
"""Of a row like that: a text is padded by two."""
SECONDS = 5.0
"""That a batch of such rows is said to take."""
UNMEASURED = Runtime(warmup=False)


@asynccontextmanager
async def serving(made: Manifold) -> AsyncIterator[Manifold]:
    with anyio.fail_after(20):
        async with running(made.parts), made.client:
            await made.ready()
            try:
                yield made
            finally:
                for fake in made.fakes:
                    fake.gate.set()
    assert made.parts.admission.in_flight == 0
    assert ", 0 bytes]" in repr(made.parts.admission)


def batcher(made: Manifold) -> Any:
    with made.parts.manager.lease("fake") as served:
        return served.batcher


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Manifold]:
    """A model that is known to take SECONDS for a batch, however large, one row at a time, and holds what runs."""
    write_version(tmp_path)
    made = Manifold(tmp_path, runtime=UNMEASURED, batching=Batching(max_batch_size=1))
    async with serving(made):
        for _ in range(KNOWN_AFTER):
            batcher(made).latency.observe(1, ELEMENTS, SECONDS)
        made.fake.gate.clear()
        yield made


async def ask(made: Manifold, timeout: float = 60.0, model: str = "fake", **headers: str) -> httpx.Response:
    return await made.predict({"inputs": GOOD}, model, **{"X-Request-Timeout": str(timeout)} | headers)


async def hold(made: Manifold) -> asyncio.Task[httpx.Response]:
    """A request that runs."""
    running = asyncio.create_task(ask(made))
    await until(lambda: made.fake.entered.acquire(blocking=False))
    return running


def error_of(reply: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()["error"]
    assert told["request_id"] == reply.headers["x-request-id"]
    return told


async def test_who_would_wait_too_long_is_told_at_once_when_to_come_back(slow: Manifold) -> None:
    running = await hold(slow)
    reply = await ask(slow, timeout=1.5 * SECONDS)
    told = error_of(reply)
    assert (reply.status_code, told["code"]) == (429, "overloaded")
    assert reply.headers["retry-after"] == f"{math.ceil(told['retry_after'])}"
    assert SECONDS - 2 < told["retry_after"] <= SECONDS
    assert "an answer would take about" in told["message"]
    assert (batcher(slow).pending_rows, slow.parts.admission.in_flight) == (0, 1)
    slow.fake.gate.set()
    assert (await running).status_code == 200
    assert [rows for rows, _ in slow.fake.batches] == [1]
    assert await slow.metric("inference_rejected_total", model="fake", reason="predicted_wait") == 1
    assert await slow.metric("inference_requests_total", model="fake", outcome="overloaded") == 1
    assert await slow.metric("inference_dropped_rows_total") == 0


async def test_who_has_time_waits_and_is_answered(slow: Manifold) -> None:
    running = await hold(slow)
    waiting = asyncio.create_task(ask(slow, timeout=10 * SECONDS))
    await until(lambda: batcher(slow).pending_rows == 1)
    assert SECONDS < batcher(slow).forecast(()).wait <= 2 * SECONDS
    slow.fake.gate.set()
    assert [(await each).status_code for each in (running, waiting)] == [200, 200]


async def until_waiting(slow: Manifold, rows: int) -> None:
    await until(lambda: batcher(slow).pending_rows == rows)


async def test_who_comes_later_is_told_of_all_that_wait(slow: Manifold) -> None:
    asked = [await hold(slow)]
    for number in range(1, 4):
        asked.append(asyncio.create_task(ask(slow, timeout=300)))
        await until_waiting(slow, number)
    reply = await ask(slow, timeout=10.0)
    assert reply.status_code == 429
    assert 4 * SECONDS - 2 < error_of(reply)["retry_after"] <= 4 * SECONDS
    slow.fake.gate.set()
    assert [(await each).status_code for each in asked] == [200] * 4


async def test_the_wait_is_told_before_the_body_is_read(slow: Manifold) -> None:
    running = await hold(slow)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("nobody should read it")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/models/fake/predict", "query_string": b"",
             "headers": [(b"x-request-timeout", b"6")]}  # fmt: skip
    await slow.app(scope, receive, send)
    assert sent[0]["status"] == 429
    slow.fake.gate.set()
    await running


async def test_less_time_than_the_model_alone_takes_is_refused_at_once(slow: Manifold) -> None:
    reply = await ask(slow, timeout=0.5 * SECONDS)
    told = error_of(reply)
    assert (reply.status_code, told["code"]) == (504, "deadline_exceeded")
    assert f"the model alone needs {SECONDS:.0f} s" in told["message"]
    assert "retry-after" not in reply.headers
    assert slow.fake.batches == []
    assert await slow.metric("inference_rejected_total") == 0
    assert await slow.metric("inference_requests_total", outcome="deadline_exceeded") == 1


async def test_who_is_not_urgent_is_served_after_the_others_and_is_served(
    slow: Manifold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batching.batcher.STAGE_FROM", float("inf"))  # who is staged is next, whoever comes
    asked = [await hold(slow)]

    async def one(head: str, priority: str) -> httpx.Response:
        body = {"inputs": GOOD, "heads": [head]}
        headers = {"X-Request-Priority": priority, "X-Request-Timeout": "300"}
        return await slow.predict(body, **headers)

    for number, (head, priority) in enumerate([("sure", "low")] * 2 + [("age", "normal")] * 2 * LOW_EVERY, 1):
        asked.append(asyncio.create_task(one(head, priority)))
        await until_waiting(slow, number)
    slow.fake.gate.set()
    assert {(await each).status_code for each in asked} == {200}
    ran = ["low" if heads == {"sure"} else "normal" for _, heads in slow.fake.batches[1:]]
    assert ran == (["normal"] * (LOW_EVERY - 1) + ["low"]) * 2 + ["normal"] * 2


async def test_who_is_urgent_is_not_refused_for_those_who_are_not(slow: Manifold) -> None:
    asked = [await hold(slow)]
    for number in range(1, 20):
        asked.append(asyncio.create_task(ask(slow, 300, **{"X-Request-Priority": "low"})))
        await until_waiting(slow, number)
    assert (await ask(slow, 8 * SECONDS, **{"X-Request-Priority": "low"})).status_code == 429
    urgent = asyncio.create_task(ask(slow, 8 * SECONDS))
    await until(lambda: batcher(slow).pending_rows == 20)
    slow.fake.gate.set()
    assert {(await each).status_code for each in (*asked, urgent)} == {200}


@pytest.mark.parametrize("wrong", ["high", "0", "", "low, normal"])
async def test_a_priority_that_is_none_is_refused_by_name(slow: Manifold, wrong: str) -> None:
    reply = await ask(slow, 60, **{"X-Request-Priority": wrong})
    assert (reply.status_code, error_of(reply)["code"]) == (422, "invalid_input")
    assert error_of(reply)["problems"][0]["expected"] == "X-Request-Priority to be normal or low"
    assert slow.fake.batches == []


async def test_a_flooded_model_leaves_room_for_another_and_then_there_is_none(tmp_path: Path) -> None:
    write_version(tmp_path)
    write_version(tmp_path, "other")
    made = Manifold(tmp_path, runtime=UNMEASURED, limits=Limits(max_in_flight=5))
    async with serving(made):
        for fake in made.fakes:
            fake.gate.clear()
        inside = [asyncio.create_task(ask(made)) for _ in range(4)]
        await until(lambda: made.parts.admission.in_flight == 4)
        full = await ask(made)
        assert (full.status_code, int(full.headers["retry-after"]) >= 1) == (429, True)
        assert "'fake'" in error_of(full)["message"]
        inside.append(asyncio.create_task(ask(made, model="other")))
        await until(lambda: made.parts.admission.in_flight == 5)
        assert await made.metric("inference_in_flight_requests") == 5
        for model in ("fake", "other"):
            assert "in flight already" in error_of(await ask(made, model=model))["message"]
        assert await made.metric("inference_rejected_total", model="fake", reason="fair_share") == 1
        assert await made.metric("inference_rejected_total", reason="in_flight") == 2
        for fake in made.fakes:
            fake.gate.set()
        assert [(await each).status_code for each in inside] == [200] * 5


def sized(size: int) -> bytes:
    return orjson.dumps({"inputs": GOOD}).ljust(size)


async def test_memory_is_limited_and_what_never_fits_need_not_come_back(tmp_path: Path) -> None:
    write_version(tmp_path)
    made = Manifold(tmp_path, runtime=UNMEASURED, limits=Limits(max_in_flight_bytes=2000))
    async with serving(made):
        made.fake.gate.clear()
        inside = asyncio.create_task(made.predict(sized(1000)))
        await until(lambda: made.fake.entered.acquire(blocking=False))
        full = await made.predict(sized(1000))
        assert (full.status_code, error_of(full)["code"], full.headers["retry-after"]) == (429, "overloaded", "1")
        assert await made.metric("inference_rejected_total", reason="memory") == 1
        rows = orjson.dumps({"inputs": {"text": [1], "series": [0] * 501}})
        assert len(rows) < 2000, "a body that fits, of rows that do not"
        both = orjson.dumps({"inputs": {"text": [1], "series": [0] * 400}})
        for body in (sized(2001), rows, both):
            made.fake.gate.set()
            assert (await inside).status_code == 200
            reply = await made.predict(body)
            assert (reply.status_code, error_of(reply)["code"]) == (413, "too_large")
            assert "the limit is 2,000" in error_of(reply)["message"]
        assert (await made.predict(sized(1900))).status_code == 200


SHOP = Signature(
    (Input(name="photo", spec=TensorSpec("float32", (2, 2, 3))),), (Head(name="y", spec=TensorSpec("float32", (1,))),)
)
PHOTO = {"inputs": {"photo": [[[1, 2, 3]]]}}


async def test_who_would_wait_too_long_for_a_photo_to_be_decoded_is_told_at_once(tmp_path: Path) -> None:
    write_version(tmp_path)
    write_version(tmp_path, "shop", SHOP, {"photo": Image()})
    made = Manifold(tmp_path, runtime=UNMEASURED)
    async with serving(made):
        turns = made.parts.decoder._turns
        turns.took(10.0)
        for caller in range(PHOTOS_AT_ONCE):
            turns.wait(caller, 1)
        wait = made.parts.decoder.forecast()
        assert wait >= 10
        reply = await made.predict(PHOTO, "shop", **{"X-Request-Timeout": "5"})
        assert (reply.status_code, reply.headers["retry-after"]) == (429, f"{wait:.0f}")
        assert await made.metric("inference_rejected_total", model="shop", reason="predicted_wait") == 1
        assert (await ask(made, 5)).status_code == 200, "a model without photos has nothing to do with it"
        turns.leave(0)
        assert (await made.predict(PHOTO, "shop", **{"X-Request-Timeout": "5"})).status_code == 200


async def test_a_refusal_has_no_line_of_its_own(slow: Manifold, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = LogCapture()
    for module in ("service.api.middleware", "service.observability.logs"):
        monkeypatch.setattr(f"{module}.log", structlog.wrap_logger(None, processors=[capture]))
    assert (await ask(slow, 1)).status_code == 504
    assert [(each["event"], each["status"]) for each in capture.entries] == [("request", 504)]
    capture.entries.clear()
    running = await hold(slow)
    for _ in range(5):
        assert (await ask(slow, 6)).status_code == 429
    assert [(each["event"], each["requests"]) for each in capture.entries if "requests" in each] == [
        ("requests refused", 1)
    ]
    assert len(capture.entries) == 1
    slow.fake.gate.set()
    await running
    assert [(each["event"], each["status"]) for each in capture.entries[1:]] == [("request", 200)]


async def test_a_model_tells_how_it_batches(manifold: Manifold) -> None:
    told = (await manifold.client.get("/models/fake")).json()["batching"]
    assert set(told) == {
        "max_batch_size", "rows_by_row_elements", "max_queue_delay", "max_queue_delay_now", "max_queue_size",
        "latency_target", "instances", "measured",
    }  # fmt: skip
    assert (told["max_batch_size"], told["max_queue_size"], told["latency_target"]) == ("auto", 1024, 15.0)
    assert told["rows_by_row_elements"]
    assert set(told["measured"][0]) == {
        "rows", "elements", "batches", "seconds", "slowest_seconds", "rows_per_second"
    }  # fmt: skip


async def test_metrics_tell_the_size_of_batches_and_the_wait(slow: Manifold) -> None:
    assert await slow.metric("inference_max_batch_size", model="fake", version="1", row_elements="0") == 1
    assert await slow.metric("inference_predicted_wait_seconds", model="fake", version="1") == 0
    running = await hold(slow)
    assert SECONDS - 2 < await slow.metric("inference_predicted_wait_seconds", model="fake") <= SECONDS
    slow.fake.gate.set()
    await running


@asynccontextmanager
async def on_a_socket(made: Manifold) -> AsyncIterator[Site]:
    async with Site(made.app, behind(build_door(made.parts))).running() as site:
        yield site


def request(timeout: float, *headers: str, model: str = "fake") -> bytes:
    body = orjson.dumps({"inputs": GOOD})
    lines = [f"POST /models/{model}/predict HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, f"X-Request-Timeout: {timeout}", *headers, "", ""]).encode() + body


async def test_over_a_socket_the_door_says_what_the_application_would(slow: Manifold) -> None:
    running = await hold(slow)
    through = await ask(slow, 6)
    async with on_a_socket(slow) as site:
        caller = await site.caller()
        reply = await caller.asks(request(6, "X-Request-ID: caller-7"))
        assert not site.state.tasks, "no application ran"
        assert reply.status == through.status_code == 429
        told, same = orjson.loads(reply.body)["error"], error_of(through)
        assert (told["code"], set(told)) == (same["code"], set(same))
        assert told["request_id"] == reply.headers["x-request-id"] == "caller-7"
        assert set(reply.headers) == set(through.headers)
        assert await slow.metric("inference_rejected_total", model="fake", reason="predicted_wait") == 2
        assert await slow.metric("inference_requests_total", model="fake", outcome="overloaded") == 2
        for wrong, status in ((request(6, "X-Request-Priority: high"), 422), (request(6, model="nobody"), 404)):
            assert (await caller.asks(wrong)).status == status
        assert (batcher(slow).pending_rows, slow.parts.admission.in_flight) == (0, 1)
        slow.fake.gate.set()
        assert (await running).status_code == 200
        assert (await caller.asks(request(60))).status == 200


async def test_over_a_socket_who_hangs_up_leaves_the_queue(slow: Manifold) -> None:
    running = await hold(slow)
    async with on_a_socket(slow) as site:
        callers = [await site.caller() for _ in range(4)]
        for number, caller in enumerate(callers, 1):
            await caller.say(request(300) * number)  # all but one have more to ask
            await until_waiting(slow, number)
        for number, caller in enumerate(callers):
            caller.hang_up(rudely=bool(number % 2))
        await until(lambda: slow.parts.admission.in_flight == 1)
        assert batcher(slow).pending_rows == 0
        slow.fake.gate.set()
        assert (await running).status_code == 200
        assert (await (await site.caller()).asks(request(60))).status == 200
    assert [rows for rows, _ in slow.fake.batches] == [1, 1]
    assert await slow.metric("inference_requests_total", outcome="cancelled") == 4
    assert await slow.metric("inference_dropped_rows_total", reason="cancelled") == 4


async def test_over_a_socket_a_hundred_on_one_connection_are_answered_in_turn(manifold: Manifold) -> None:
    """None is taken for a caller who left because the next has come."""
    async with on_a_socket(manifold) as site:
        caller = await site.caller()
        await caller.say(request(60) * 50)
        replies = [await caller.heard() for _ in range(50)]
        replies += [await caller.asks(request(60)) for _ in range(50)]
        assert {reply.status for reply in replies} == {200}
        assert len({reply.headers["x-request-id"] for reply in replies}) == 100


async def test_while_it_drains_the_door_turns_nobody_away_on_a_connection_that_stays(slow: Manifold) -> None:
    running = await hold(slow)
    async with on_a_socket(slow) as site:
        slow.parts.admission.drain()
        caller = await site.caller()
        reply = await caller.asks(request(6))
        assert (reply.status, reply.headers["connection"]) == (429, "close")
        assert await caller.rest() == b""
        slow.fake.gate.set()
        await running
