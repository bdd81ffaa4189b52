"""Where models run, told over HTTP: devices that are made up, with the fake on each."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from models.signature import Signature
from service.app import build_app, build_parts, running
from service.runtime.fake import FakeServable, fake_signature
from service.runtime.placement import Device, Target
from service.settings import ModelOverrides, Runtime, Settings, Store
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

BODY = {"inputs": {"text": [1, 2, 3], "series": [0.5]}}


class FakeMachine:
    """A host and two devices for 100 bytes each. Every model takes `weights` bytes."""

    def __init__(self, weights: int = 30) -> None:
        self.weights = weights
        self.fakes: list[tuple[Target, FakeServable]] = []
        self.counted: dict[str, tuple[int, int]] = {}
        self.forgot: list[str] = []

    def devices(self) -> Sequence[Device]:
        return Device("cpu:0"), Device("gpu:0", 100), Device("gpu:1", 100)

    def load(self, graph: Path, declared: Signature | None, target: Target) -> FakeServable:
        fake = FakeServable(declared or fake_signature())
        fake.weights = self.weights
        self.fakes.append((target, fake))
        return fake

    def in_use(self, device: str) -> tuple[int, int] | None:
        return self.counted.get(device)

    def forget_peak(self, device: str) -> None:
        self.forgot.append(device)


class Placed(Manifold):
    def __init__(self, machine: FakeMachine, store: Path, **settings: Any) -> None:
        super().__init__(store)
        self.parts = build_parts(Settings(store=Store(path=store, poll_interval=0.01), **settings), machine=machine)
        self.app = build_app(self.parts)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://manifold")

    async def placement(self, model: str = "fake") -> dict[str, Any]:
        told: dict[str, Any] = (await self.client.get(f"/models/{model}")).json()["placement"]
        return told

    async def reason(self) -> str:
        """Why the only version of the only model ended, once it has."""
        while True:
            told = (await self.client.get("/models")).json()["models"]
            for version in (each for model in told for each in model["versions"] if each["state"] == "END"):
                return str(version["reason"])
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def serving(made: Placed) -> AsyncIterator[Placed]:
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            yield made


async def test_on_one_device_nothing_has_to_be_said(manifold: Manifold) -> None:
    told = (await manifold.client.get("/models/fake")).json()["placement"]
    assert told["device"] == ["cpu:0"]
    assert told["why"] == "auto: there is no device but cpu:0"
    assert await manifold.metric("device_memory_bytes", device="cpu:0") == 0


async def test_auto_tells_where_and_why_and_how_many_bytes(tmp_path: Path) -> None:
    write_version(tmp_path)
    machine = FakeMachine()
    async with serving(Placed(machine, tmp_path)) as made:
        await made.ready()
        told = await made.placement()
        assert (told["device"], told["bytes"], told["bytes_are"]) == (["gpu:0"], 30, "estimated")
        assert told["why"].startswith("auto: 0.0 MiB needed, gpu:0 has the most free of gpu:0: ")
        assert await made.metric("device_memory_bytes", device="gpu:0") == 30
        assert await made.metric("model_memory_bytes", model="fake", version="1", device="gpu:0") == 30
        assert (await made.predict(BODY)).status_code == 200
        assert await made.metric("inference_batches_total", device="gpu:0") == 1
    assert [target.device for target, _ in machine.fakes] == ["cpu:0", "gpu:0"]


async def test_what_a_device_counts_goes_before_what_was_worked_out(tmp_path: Path) -> None:
    write_version(tmp_path)
    machine = FakeMachine()
    machine.counted["gpu:0"] = (11, 88)
    async with serving(Placed(machine, tmp_path, runtime=Runtime(instances=2))) as made:
        await made.ready()
        told = await made.placement()
        # 77 bytes more than before at the worst moment; a second batch at once takes another 47
        assert (told["weights_bytes"], told["batch_bytes"], told["bytes"]) == (30, 47, 124)
        assert told["bytes_are"] == "measured"
        assert await made.metric("device_memory_bytes", device="gpu:0") == 11
    assert machine.forgot == ["gpu:0"]


async def test_replicas_share_the_load_of_one_queue(tmp_path: Path) -> None:
    write_version(tmp_path)
    machine = FakeMachine()
    runtime = Runtime.model_validate({"device": "gpu:0,gpu:1"})
    async with serving(Placed(machine, tmp_path, runtime=runtime, batching={"max_batch_size": 2})) as made:
        await made.ready()
        assert (await made.placement())["device"] == ["gpu:0", "gpu:1"]
        replies = Counter[int]()

        async def caller() -> None:
            for _ in range(10):
                replies[(await made.predict(BODY)).status_code] += 1

        async with anyio.create_task_group() as group:
            for _ in range(16):
                group.start_soon(caller)
        assert replies == {200: 160}
        first, second = [await made.metric("inference_rows_total", device=f"gpu:{n}") for n in (0, 1)]
        assert first + second == 160
        assert abs(first - second) <= 0.2 * max(first, second)
        assert await made.metric("model_retraces_total") == 0
    assert [target.device for target, _ in machine.fakes] == ["gpu:0", "gpu:1"]


@pytest.mark.parametrize(
    ("runtime", "weights", "reason"),
    [
        ({"device": "gpu:2"}, 30, "runtime.device: there is no device 'gpu:2'; there are cpu:0, gpu:0, gpu:1"),
        ({"strict": True}, 101, "no room on any device, and runtime.strict is set: 0.0 MiB needed, free are gpu:0"),
        ({"strict": True, "device": "gpu:1"}, 101, "no room where runtime.device wants it"),
    ],
)
async def test_what_cannot_be_placed_ends_with_the_reason(
    tmp_path: Path, runtime: dict[str, Any], weights: int, reason: str
) -> None:
    write_version(tmp_path)
    made = Placed(FakeMachine(weights), tmp_path, models={"fake": ModelOverrides(runtime=runtime)})
    async with serving(made):
        assert (await made.reason()).startswith(reason)
        assert (await made.predict(BODY)).status_code == 503
        assert made.parts.loader.memory() == {}


async def test_without_strict_it_spills_to_the_host(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(Placed(FakeMachine(101), tmp_path)) as made:
        await made.ready()
        told = await made.placement()
        assert told["device"] == ["cpu:0"]
        assert told["why"].startswith("auto: no room on another device")
        assert (await made.predict(BODY)).status_code == 200


async def test_what_is_unloaded_gives_its_bytes_back(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    async with serving(Placed(FakeMachine(), tmp_path, runtime=Runtime.model_validate({"device": "gpu:1"}))) as made:
        await made.ready()
        assert made.parts.loader.memory() == {"gpu:1": 30}
        for each in sorted(folder.parent.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        await until(lambda: made.parts.loader.memory() == {})
