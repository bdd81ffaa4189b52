"""The real service in a process of its own, over real sockets, with our models and one that somebody else made."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks import foreign
from benchmarks.bodies import bodies
from tests.running import Service
from training import recipes

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def service(smoke_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Every model of ours, and one that is not."""
    store = tmp_path_factory.mktemp("process") / "store"
    shutil.copytree(smoke_store, store)
    foreign.save(store, foreign.UNMASKED)
    with Service(store, store.parent / "log") as running:
        running.wait_until_warm()
        yield running
    assert running.process.returncode == 0, running.log.read_text()
    assert "Traceback" not in running.log.read_text()


async def post(client: httpx.AsyncClient, model: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post(f"/models/{model}/predict", json=body)
    assert reply.status_code == 200, reply.text
    outputs: dict[str, Any] = reply.json()["outputs"]
    return outputs


CALLS = {"stereo_depth": 12, "garment": 48, "garment_residual": 48}
"""Where an answer takes many times as long as elsewhere."""


@pytest.mark.parametrize("model", [*recipes.NAMES, foreign.UNMASKED])
async def test_64_callers_get_the_answers_they_get_alone(service: Service, model: str) -> None:
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=service.address, limits=limits, timeout=60) as client:
        asked = bodies((await client.get(f"/models/{model}")).json(), CALLS.get(model, 128))
        together = await asyncio.gather(*(post(client, model, body) for body in asked))
        alone = [await post(client, model, body) for body in asked]
    for body, ours, lone in zip(asked, together, alone, strict=True):
        assert sorted(ours) == sorted(lone) == sorted(body["heads"])
        for head, tensor in ours.items():
            np.testing.assert_allclose(tensor, lone[head], rtol=1e-5, atol=1e-5)


async def test_a_caller_who_hangs_up_is_noticed(service: Service) -> None:
    def left() -> float:
        lines = httpx.get(f"{service.address}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if "requests_total" in line and '"cancelled"' in line)

    before = left()
    body = b'{"inputs": {"text": [1]}}'
    _, writer = await asyncio.open_connection(*service.address.removeprefix("http://").split(":"))
    head = f"POST /models/foreign/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    # Many pipelined requests keep the service busy with this caller when it goes.
    writer.write((head + body) * 200)
    await writer.drain()
    writer.transport.abort()
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        assert await post(client, "foreign", {"inputs": {"text": [1, 2]}, "raw": True})
    assert left() >= before


async def test_the_limits_of_a_body_hold_over_a_socket(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        reply = await client.post("/models/foreign/predict", content=b"x" * (40 * 2**20))
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
        ten_megabytes = {"inputs": {"text": "x" * 10_000_000}}
        reply = await client.post("/models/foreign/predict", json=ten_megabytes)
        assert reply.status_code == 422
        assert reply.json()["error"]["problems"][0]["input"] == "text"
        assert await post(client, "foreign", {"inputs": {"text": [1, 2]}, "raw": True})


async def test_sigterm_answers_what_was_accepted_and_exits_0(tmp_path: Path) -> None:
    foreign.save(tmp_path / "store", foreign.UNMASKED)
    statuses: list[int] = []
    answered = asyncio.Event()
    refused = 0

    async def caller(client: httpx.AsyncClient) -> None:
        nonlocal refused
        while not refused:
            try:
                reply = await client.post("/models/foreign/predict", json={"inputs": {"text": [1] * 20}})
            except httpx.ConnectError:
                refused += 1  # no longer listening: nothing was accepted
            else:
                statuses.append(reply.status_code)
                if len(statuses) == 50:
                    answered.set()

    with Service(tmp_path / "store", tmp_path / "log") as service:
        service.wait_until_warm()
        async with httpx.AsyncClient(base_url=service.address, timeout=60) as client, asyncio.TaskGroup() as callers:
            for _ in range(16):
                callers.create_task(caller(client))
            await answered.wait()
            service.process.send_signal(signal.SIGTERM)
            while (ready := await client.get("/readyz")).status_code == 200:
                pass  # the signal is on its way
            assert ready.json()["draining"]
    assert service.process.returncode == 0
    assert set(statuses) == {200}
    assert "Traceback" not in service.log.read_text()
