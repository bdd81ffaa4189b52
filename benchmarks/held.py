"""A batch that runs for a while, so that what is asked meanwhile waits together, where everybody can see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.connection import Reply, predict
from benchmarks.foreign import UNMASKED
from benchmarks.pool import Pool
from benchmarks.target import NotSeen, Scrape, Target

HELD_SECONDS = 0.5
SHORTEST, LONGEST = 2_000, 512_000
IN_FLIGHT = "inference_in_flight_requests"


def text_of(length: int) -> bytes:
    return predict(UNMASKED, {"inputs": {"text": [1] * length}, "raw": True}, x_request_timeout=120)


async def long_enough(target: Target, pool: Pool) -> int:
    """The length of a text that takes the model `HELD_SECONDS` alone. Raises NotSeen."""
    await target.describe(UNMASKED)
    length = SHORTEST
    while length <= LONGEST:
        began = time.monotonic()
        reply = await pool.ask(text_of(length))
        if reply.status != 200:
            raise NotSeen(f"a text of {length:,} tokens: status {reply.status}")
        taken = time.monotonic() - began
        if taken >= HELD_SECONDS:
            return length
        length = max(length * 2, int(length * HELD_SECONDS / taken))
    raise NotSeen(f"no text up to {LONGEST:,} tokens takes {HELD_SECONDS} seconds")


@asynccontextmanager
async def held(target: Target, pool: Pool, length: int) -> AsyncIterator[asyncio.Task[Reply]]:
    """Within the block the batch runs, or has run: the task is its request, and is awaited at the end of the block."""
    inside = (await target.scrape()).total(IN_FLIGHT)
    running = asyncio.create_task(pool.ask(text_of(length)))
    try:
        for _ in range(2):  # it could be inside and still be read
            await target.until(lambda now: now.total(IN_FLIGHT) > inside and not waiting(now), "a long batch runs")
        yield running
    finally:
        await running


async def until_waiting(target: Target, running: asyncio.Task[Reply], rows: int) -> None:
    """Raises NotSeen when they do not wait together behind the batch."""
    await target.until(lambda now: waiting(now) >= rows or running.done(), f"{rows} rows wait")
    if running.done():
        raise NotSeen(f"the long batch ended before {rows} rows waited behind it")


def waiting(now: Scrape) -> float:
    return now.total("inference_pending_requests", model=UNMASKED)
