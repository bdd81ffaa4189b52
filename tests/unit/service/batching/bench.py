"""A batcher over the fake, and a hand on its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
from hypothesis import settings

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.batching.batch_queue import NORMAL
from service.batching.batcher import Batcher
from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.policy import BatchPolicy
from service.batching.turns import Turns
from service.events import CallDropped, Event
from service.runtime.fake import FakeServable

HEADS = tuple(f"h{number}" for number in range(12))
SIGNATURE = Signature(
    (
        Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("pad", tail=1)),
        Input(name="series", spec=TensorSpec("float32", (None,))),
    ),
    tuple(Head(name=name, spec=TensorSpec("float32", (2,))) for name in HEADS),
)
POISON = 666
PATIENCE = 3.0 if settings.get_current_profile_name() == "mutants" else 20.0
"""Seconds after which a test is taken to hang. Many a mutant does."""


class TravelLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be put forward, so that nothing here waits for a deadline."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Bench:
    """A batcher over the fake, with its events."""

    def __init__(
        self,
        turns: Turns | None = None,
        latency: Latency | None = None,
        signature: Signature = SIGNATURE,
        **policy: Any,
    ) -> None:
        self.fake = FakeServable(signature, poison=lambda row: bool((row["text"] == POISON).any()))
        self.events: list[Event] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.batcher = Batcher("m", 1, self.fake, BatchPolicy(**policy), self.events.append, turns, latency)

    def submit(
        self,
        *rows: dict[str, Any],
        heads: tuple[str, ...] = ("h0",),
        patience: float = 60,
        priority: int = NORMAL,
    ) -> asyncio.Task[Any]:
        deadline = asyncio.get_running_loop().time() + patience
        self.tasks.append(asyncio.create_task(self.batcher.submit(rows, heads, deadline, priority)))
        return self.tasks[-1]

    async def hold(self, patience: float = 60) -> asyncio.Task[Any]:
        """A call that runs, and goes on running until `release`."""
        while self.fake.entered.acquire(blocking=False):
            pass  # those before it
        self.fake.gate.clear()
        held = self.submit(row(1), patience=patience)
        await self.entered()
        return held

    async def entered(self) -> None:
        """One more batch has begun."""
        await until(lambda: self.fake.entered.acquire(blocking=False))

    def release(self) -> None:
        self.fake.gate.set()

    def alone(self, each: dict[str, Any], head: str) -> Any:
        text = np.concatenate([each["text"], np.zeros(1, np.int32)])
        return FakeServable(SIGNATURE).run({"text": text[None], "series": each["series"][None]}, [head])[head][0]

    def dropped(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, CallDropped)]

    @property
    def sizes(self) -> list[int]:
        """Rows of the batches that ran."""
        return [rows for rows, _ in self.fake.batches]


@asynccontextmanager
async def benches(*made: Bench, seconds: float = PATIENCE) -> AsyncIterator[None]:
    """Around their use: they end in so many seconds, passed ones too, and nothing is left."""
    with anyio.fail_after(seconds):
        try:
            yield
        finally:
            for each in made:
                each.release()
        for each in made:
            await each.batcher.close(5)
            await asyncio.gather(*each.tasks, return_exceptions=True)
    for each in made:
        assert repr(each.batcher) == "<Batcher [0 calls, 0 rows waiting, 0 running] closed>"


def measured(fixed: float, per_element: float, rows: Iterable[int] = (1, 4, 16)) -> Latency:
    """Of batches of rows of three elements, that took exactly so long."""
    latency = Latency()
    for size in rows:
        for _ in range(KNOWN_AFTER):
            latency.observe(size, 3, fixed + per_element * size * 3)
    return latency


def row(*text: int, series: int = 1) -> dict[str, Any]:
    return {"text": np.array(text, np.int32), "series": np.ones(series, np.float32)}


def pass_time(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TravelLoop)
    loop.ahead += seconds


async def turns() -> None:
    """Lets every task that can go on go on."""
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop go round until it is so, which a thread may have to see to."""
    while not condition():
        await anyio.lowlevel.checkpoint()
