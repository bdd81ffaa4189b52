"""The whole application over ASGI, with artifacts on disk and the shipped fake in place of TensorFlow."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.artifact import GRAPH, Golden, Manifest, publish
from models.preprocessing import Preprocessing, save_tokenizer
from models.signature import Signature
from service.app import Parts, build_app, build_parts, running
from service.runtime.fake import FakeServable, fake_signature
from service.settings import Limits, Runtime, Settings, Store

POISON = 666.0


async def until(is_true: Callable[[], bool]) -> None:
    """Gives way to everybody else until it is so; the test's own limit ends a wait for ever."""
    while not is_true():
        await anyio.lowlevel.checkpoint()


class Manifold:
    """A running application, a client to it, and the fakes behind its models."""

    def __init__(self, store: Path, /, **settings: Any) -> None:
        self.store = store
        self.fakes: list[FakeServable] = []
        given = {"store": Store(path=store, poll_interval=0.01), "runtime": Runtime(cache="off")} | settings
        self.parts: Parts = build_parts(Settings(**given), self.load)
        self.app = build_app(self.parts)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://manifold")

    def load(self, graph: Path, declared: Signature | None) -> FakeServable:
        fake = FakeServable(declared or fake_signature(), poison=is_poison)
        self.fakes.append(fake)
        return fake

    @property
    def fake(self) -> FakeServable:
        return self.fakes[-1]

    async def predict(self, body: Any, model: str = "fake", **headers: str) -> httpx.Response:
        path = f"/models/{model}/predict"
        if isinstance(body, bytes):
            return await self.client.post(path, content=body, headers=headers)
        return await self.client.post(path, json=body, headers=headers)

    async def ready(self) -> None:
        """Warm, which takes batches that do not count."""
        while (await self.client.get("/readyz")).status_code != 200:
            await anyio.lowlevel.checkpoint()
        for fake in self.fakes:
            fake.forget()

    async def metric(self, name: str, **labels: str) -> float:
        text = (await self.client.get("/metrics")).text
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in text.splitlines() if line.startswith(name) and all(w in line for w in wanted)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def is_poison(row: Mapping[str, NDArray[Any]]) -> bool:
    return "series" in row and bool((row["series"] == POISON).any())


def write_version(
    store: Path,
    model: str = "fake",
    signature: Signature | None = None,
    preprocessing: Mapping[str, Preprocessing] | None = None,
    tokenizers: Mapping[str, Tokenizer] | None = None,
    breaking: str = "",
) -> Path:
    """`tokenizers` by the name of their file."""
    manifest = Manifest(
        model=model,
        signature=signature or fake_signature(),
        preprocessing=dict(preprocessing or {}),
        breaking=breaking,
    )

    def write(folder: Path) -> None:
        write_graph(folder)
        for name, tokenizer in (tokenizers or {}).items():
            save_tokenizer(tokenizer, folder / name)

    return publish(store, manifest, list[Golden](), write)


def write_graph(folder: Path) -> None:
    (folder / GRAPH).write_bytes(b"a graph")


@pytest.fixture
async def manifold(tmp_path: Path) -> AsyncIterator[Manifold]:
    """One model, `fake`, version 1, ready; a small body limit."""
    write_version(tmp_path)
    made = Manifold(tmp_path, limits=Limits(max_body_bytes=100_000))
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            yield made
            for fake in made.fakes:
                fake.gate.set()
    assert repr(made.parts.manager).endswith("0 available]>")
    assert made.parts.admission.in_flight == 0
