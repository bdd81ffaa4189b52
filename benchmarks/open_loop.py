"""Sends at given moments, whether or not earlier requests were answered.

Callers do not know that a service stalls before they come. So latency counts from the moment a request was due, not
from when it was sent: neither a stall of the service's nor one of the generator's own can hide itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.arrivals import Moments
from benchmarks.pool import Pool
from benchmarks.sample import Sample, ask, without_collections

TICK = 0.001
"""Timers of the event loop are that fine; a finer wait would be a busy one, on a processor that the service needs."""


async def open_loop(pool: Pool, requests: Sequence[bytes], due: Moments, patience: float) -> list[Sample]:
    """One sample for each moment, in their order; the requests are taken in turn, over and over.

    `patience` is how many seconds after a request was due its caller hangs up.
    """
    with without_collections():
        return await OpenLoop(pool, requests, due, patience).run()


class OpenLoop:
    """One run: a timer that starts a task for each request that is due."""

    def __init__(self, pool: Pool, requests: Sequence[bytes], due: Moments, patience: float) -> None:
        self._pool = pool
        self._requests = requests
        self._samples = [Sample(moment) for moment in due.tolist()]
        self._patience = patience
        self._started = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_started = asyncio.Event()

    def __repr__(self) -> str:
        return f"<OpenLoop [{self._started} of {len(self._samples)} started, {len(self._tasks)} not answered]>"

    async def run(self) -> list[Sample]:
        self._start = time.monotonic()
        self._start_what_is_due()
        await self._all_started.wait()
        await asyncio.gather(*self._tasks)
        return self._samples

    def _start_what_is_due(self) -> None:
        loop, now = asyncio.get_running_loop(), time.monotonic() - self._start
        while self._started < len(self._samples):
            sample = self._samples[self._started]
            if sample.due > now:
                loop.call_later(max(TICK, sample.due - now), self._start_what_is_due)
                return
            request = self._requests[self._started % len(self._requests)]
            task = loop.create_task(ask(self._pool, request, sample, self._start, self._patience))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._started += 1
        self._all_started.set()
