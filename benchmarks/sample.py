"""What became of one request. Times are seconds after the start of the run."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.pool import Pool


@dataclass(slots=True)
class Sample:
    """`due` is when the request should have been sent; a `status` of 0 says that no answer came.

    `sent` is when the generator did what it could. That a connection could not be made before long is the service's
    doing, and part of the latency.
    """

    due: float
    sent: float = float("nan")
    done: float = float("nan")
    status: int = 0
    retry_after: float | None = None

    @property
    def latency(self) -> float:
        return self.done - self.due

    @property
    def lateness(self) -> float:
        """Of the generator; a request that it never sent is late without end."""
        return self.sent - self.due if self.sent == self.sent else float("inf")


async def ask(pool: Pool, request: bytes, sample: Sample, start: float, patience: float) -> None:
    """Fills the sample. A connection that cannot be made or ends too early is no answer.

    After `patience` seconds from when it was due the caller hangs up: nobody waits for ever.
    """
    try:
        async with asyncio.timeout(sample.due + patience - (time.monotonic() - start)), pool.room:
            sample.sent = time.monotonic() - start
            reply = await pool.ask_now(request)
            sample.status, sample.retry_after = reply.status, reply.retry_after
    except OSError:  # of which TimeoutError is one
        pass
    finally:
        sample.done = time.monotonic() - start


@contextmanager
def without_collections() -> Iterator[None]:
    """The garbage collector would stop the generator for milliseconds at a time, and finds hardly anything here."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
