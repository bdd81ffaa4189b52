"""How much one model can do, and loads as shares and multiples of that. Knows models only by their descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.arrivals import Stretch, in_turn
from benchmarks.bodies import everyday_bodies
from benchmarks.ceiling import find_ceiling
from benchmarks.closed_loop import GRACE, Peak, closed_loop, find_peak, summary_of
from benchmarks.connection import predict
from benchmarks.open_loop import open_loop
from benchmarks.pool import Pool
from benchmarks.sample import Sample
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options

DISTINCT = 256
"""Requests, sent in turn."""


@dataclass(frozen=True)
class Loaded:
    """A model, its requests, whole, and the most it can do."""

    model: str
    requests: Sequence[bytes]
    peak: Peak

    def __str__(self) -> str:
        return f"{self.model}: {self.peak.rate:,.0f} requests/s with {self.peak.callers} callers"

    async def under(self, pool: Pool, *stretches: Stretch, options: Options) -> list[Sample]:
        """Offers it one load after the other, without a pause; rates are shares of the peak."""
        rates = [Stretch(each.name, each.rate * self.peak.rate, each.seconds) for each in stretches]
        return await open_loop(pool, self.requests, in_turn(rates, options.seed), options.deadline + GRACE)

    async def again(self, pool: Pool, options: Options) -> float:
        """Requests/s that as many callers get now: a machine's speed changes between one minute and the next."""
        callers, seconds = self.peak.callers, options.seconds / 2
        samples = await closed_loop(pool, self.requests, callers, seconds, options.deadline + GRACE)
        return summary_of(samples, callers, seconds, options.deadline).goodput


async def saturate(target: Target, pool: Pool, model: str, options: Options) -> Loaded:
    """Raises NotSeen when the model has no answers in time to be counted."""
    bodies = everyday_bodies(await target.describe(model), DISTINCT, options.seed)
    requests = [predict(model, body, x_request_timeout=options.deadline) for body in bodies]
    peak = await find_peak(pool, requests, options.deadline, options.seconds / 2)
    if not peak.rate:
        raise NotSeen(f"{model} answers nothing within {options.deadline:g} seconds")
    return Loaded(model, requests, peak)


async def ceiling_for(requests: Sequence[bytes]) -> float:
    """The generator's, with bodies of that size."""
    return await find_ceiling(sum(map(len, requests)) // len(requests))
