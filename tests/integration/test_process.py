"""The real service in a process of its own, over real sockets, with a graph that somebody else made."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import keras
import numpy as np
import pytest

from service.settings import ROOT

pytestmark = pytest.mark.anyio


def save_foreign_models(store: Path) -> None:
    """An LSTM without a mask, whose answer any padding would change, and a dict of heads; no manifest."""
    keras.utils.set_random_seed(1)
    text = keras.Input((None,), dtype="int32", name="text")
    encoded = keras.layers.LSTM(8)(keras.layers.Embedding(50, 8)(text))
    heads = {"zeta": keras.layers.Dense(3, activation="softmax")(encoded), "alpha": keras.layers.Dense(1)(encoded)}
    (store / "foreign" / "1").mkdir(parents=True)
    keras.Model(text, heads).save(store / "foreign" / "1" / "anything.keras")


class Process:
    """A running service and its address."""

    def __init__(self, store: Path, log: Path) -> None:
        command = [sys.executable, "-m", "service", "serve", "--store", str(store), "--port", "0"]
        self.log = log
        with log.open("w") as errors:
            self.child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.child.stdout is not None
        self.address = self.child.stdout.readline().split()[-1]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.address}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.child.poll() is None, self.log.read_text()
            time.sleep(0.1)  # another process: there is nothing to wait on but its answer
        raise TimeoutError(self.log.read_text())

    def end(self) -> int:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout=60)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    store = tmp_path_factory.mktemp("store")
    save_foreign_models(store)
    process = Process(store, store / "service.log")
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.end()
        assert process.child.stdout is not None
        process.child.stdout.close()


def bodies(count: int, seed: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    heads = (["zeta", "alpha"], ["alpha"], ["zeta"])
    return [
        {
            "inputs": {"text": draw.integers(0, 50, draw.integers(1, 30)).tolist()},
            "heads": list(heads[draw.integers(3)]),
            "raw": True,
        }
        for _ in range(count)
    ]


async def post(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post("/models/foreign/predict", json=body)
    assert reply.status_code == 200, reply.text
    outputs: dict[str, Any] = reply.json()["outputs"]
    return outputs


async def test_64_callers_get_the_answers_they_get_alone(service: Process) -> None:
    asked = bodies(256, seed=3)
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=service.address, limits=limits, timeout=60) as client:
        together = await asyncio.gather(*(post(client, body) for body in asked))
        alone = [await post(client, body) for body in asked]
    for body, ours, lone in zip(asked, together, alone, strict=True):
        assert sorted(ours) == sorted(lone) == sorted(body["heads"])
        for head, tensor in ours.items():
            np.testing.assert_allclose(tensor, lone[head], rtol=1e-5, atol=1e-5)


async def test_a_caller_who_hangs_up_is_noticed(service: Process) -> None:
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
        assert await post(client, {"inputs": {"text": [1, 2]}, "raw": True})
    assert left() >= before


async def test_the_limits_of_a_body_hold_over_a_socket(service: Process) -> None:
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        reply = await client.post("/models/foreign/predict", content=b"x" * (40 * 2**20))
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")
        ten_megabytes = {"inputs": {"text": "x" * 10_000_000}}
        reply = await client.post("/models/foreign/predict", json=ten_megabytes)
        assert reply.status_code == 422
        assert reply.json()["error"]["problems"][0]["input"] == "text"
        assert await post(client, {"inputs": {"text": [1, 2]}, "raw": True})


async def test_sigterm_answers_what_was_accepted_and_exits_0(tmp_path: Path) -> None:
    save_foreign_models(tmp_path / "store")
    process = Process(tmp_path / "store", tmp_path / "service.log")
    process.wait_until_ready()
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

    async with httpx.AsyncClient(base_url=process.address, timeout=60) as client, asyncio.TaskGroup() as callers:
        for _ in range(16):
            callers.create_task(caller(client))
        await answered.wait()
        process.child.send_signal(signal.SIGTERM)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["draining"]) == (503, True)
    assert await asyncio.to_thread(process.child.wait, 60) == 0
    assert process.child.stdout is not None
    process.child.stdout.close()
    assert set(statuses) == {200}
    assert "Traceback" not in process.log.read_text()
