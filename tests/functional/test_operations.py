"""What operators see: readiness, draining, metrics."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from service.app import running
from service.settings import Limits
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}


async def test_an_empty_store_is_alive_and_not_ready(tmp_path: Path) -> None:
    made = Manifold(tmp_path / "nowhere")
    with anyio.fail_after(10):
        async with running(made.parts), made.client:
            assert (await made.client.get("/healthz")).json() == {"live": True}
            reply = await made.client.get("/readyz")
            told = {"ready": False, "draining": False, "models": {}, "loading": {}}
            assert (reply.status_code, reply.json()) == (503, told)
            write_version(tmp_path / "nowhere")
            await made.ready()


async def test_draining_ends_readiness_first_and_still_answers(manifold: Manifold) -> None:
    manifold.parts.admission.drain()
    reply = await manifold.client.get("/readyz")
    assert (reply.status_code, reply.json()["draining"]) == (503, True)
    answered = await manifold.predict(GOOD)
    assert (answered.status_code, answered.headers["connection"]) == (200, "close")


async def test_after_the_end_nobody_enters(manifold: Manifold) -> None:
    manifold.parts.admission.close()
    reply = await manifold.predict(GOOD)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutting_down")
    assert reply.headers["retry-after"] == "1"
    assert await manifold.metric("inference_rejected_total", reason="shutting_down") == 1


async def test_shutdown_answers_whoever_is_inside(tmp_path: Path) -> None:
    write_version(tmp_path)
    made = Manifold(tmp_path)
    with anyio.fail_after(20):
        async with made.client:
            async with running(made.parts):
                await made.ready()
                made.fake.gate.clear()
                inside = [asyncio.create_task(made.predict(GOOD)) for _ in range(8)]
                await asyncio.to_thread(made.fake.entered.acquire)
                asyncio.get_running_loop().call_later(0.05, made.fake.gate.set)
            assert [(await each).status_code for each in inside] == [200] * 8


async def test_too_many_are_told_to_come_back(tmp_path: Path) -> None:
    write_version(tmp_path)
    made = Manifold(tmp_path, limits=Limits(max_in_flight=1))
    with anyio.fail_after(20):
        async with running(made.parts), made.client:
            await made.ready()
            made.fake.gate.clear()
            inside = asyncio.create_task(made.predict(GOOD))
            await asyncio.to_thread(made.fake.entered.acquire)
            reply = await made.predict(GOOD)
            assert (reply.status_code, reply.json()["error"]["code"]) == (429, "overloaded")
            assert int(reply.headers["retry-after"]) >= 1
            made.fake.gate.set()
            assert (await inside).status_code == 200


async def test_metrics_follow_a_request(manifold: Manifold) -> None:
    await manifold.predict(GOOD)
    await manifold.predict({"instances": [GOOD["inputs"]] * 3})
    assert await manifold.metric("inference_requests_total", model="fake", outcome="ok", protocol="native") == 2
    assert await manifold.metric("inference_rows_total", model="fake", version="1") == 4
    assert await manifold.metric("inference_batches_total", outcome="ok") == 2
    assert await manifold.metric("inference_in_flight_requests") == 0
    assert await manifold.metric("model_version_state", state="AVAILABLE") == 1
    assert await manifold.metric("model_retraces_total") == 0
    assert await manifold.metric("model_load_duration_seconds", model="fake") > 0


async def test_an_error_nobody_foresaw_is_an_answer_all_the_same(
    manifold: Manifold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(manifold.parts.manager, "statuses", broken)
    reply = await manifold.client.get("/models")
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
    assert reply.json()["error"]["request_id"] == reply.headers["x-request-id"]


async def test_a_body_that_never_ends_holds_up_neither_its_caller_nor_the_end(manifold: Manifold) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async def post(**headers: str) -> httpx.Response:
        return await manifold.client.post("/models/fake/predict", content=trickle(), headers=headers)

    late = await post(**{"X-Request-Timeout": "0.02"})
    assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
    unfinished = asyncio.create_task(post())
    await until(lambda: bool(manifold.parts.admission._readers))
    manifold.parts.admission.drain()
    manifold.parts.admission.stop_reading()
    reply = await unfinished
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutting_down")
