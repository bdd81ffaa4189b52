"""Callers who ask again as soon as they are answered: finds how much a service can do, and hides what it makes wait."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.pool import Pool
from benchmarks.report import Summary, summarise
from benchmarks.sample import Sample, ask, without_collections

FEWEST, MOST = 4, 512
GRACE = 1.0
"""Seconds after its deadline at which a caller that heard nothing hangs up."""
GAIN = 1.05
"""More callers have to bring at least that much more, or there were enough."""


async def closed_loop(
    pool: Pool, requests: Sequence[bytes], callers: int, seconds: float, patience: float
) -> list[Sample]:
    """Each caller asks until the time is over, and waits up to `patience` seconds for each answer."""
    samples: list[Sample] = []
    turns = itertools.cycle(requests)

    async def call(start: float) -> None:
        while (now := time.monotonic() - start) < seconds:
            sample = Sample(now)
            samples.append(sample)
            await ask(pool, next(turns), sample, start, patience)

    with without_collections():
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(call(start))
    return samples


def summary_of(samples: Sequence[Sample], callers: int, seconds: float, deadline: float) -> Summary:
    """The first half is left out: connections are made, queues fill."""
    return summarise(f"{callers} callers", samples, (seconds / 2, seconds), deadline)


@dataclass(frozen=True)
class Peak:
    """The most that a service can do within the deadline, and how many callers it took to find it."""

    rate: float
    callers: int
    summary: Summary


async def find_peak(pool: Pool, requests: Sequence[bytes], deadline: float, seconds: float) -> Peak:
    """Twice as many callers each time, for `seconds` each, until that brings nothing more twice."""
    found: list[Peak] = []
    callers = FEWEST
    while callers <= MOST:
        samples = await closed_loop(pool, requests, callers, seconds, deadline + GRACE)
        summary = summary_of(samples, callers, seconds, deadline)
        found.append(Peak(summary.goodput, callers, summary))
        if len(found) > 2 and max(each.rate for each in found[-2:]) < GAIN * max(each.rate for each in found[:-2]):
            break
        callers *= 2
    return max(found, key=lambda each: each.rate)
