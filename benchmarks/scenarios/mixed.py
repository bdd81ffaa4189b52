"""Models share a machine fairly: while one is flooded, another that is asked for little keeps its latency."""

from __future__ import annotations

import asyncio

from benchmarks.arrivals import Stretch
from benchmarks.report import summarise, table
from benchmarks.saturation import saturate
from benchmarks.target import Target
from benchmarks.verdict import Options, Verdict

FLOOD, LITTLE = 3.0, 0.3


async def mixed(target: Target, options: Options) -> Verdict:
    """Of two models: the first is flooded."""
    flooded, quiet = options.models
    window = (0.0, options.seconds)
    flood, little = Stretch("", FLOOD, options.seconds), Stretch("", LITTLE, options.seconds)
    async with target.pool() as pool:
        first = await saturate(target, pool, flooded, options)
        second = await saturate(target, pool, quiet, options)
        alone = await second.under(pool, little, options=options)
        ours, theirs = await asyncio.gather(
            second.under(pool, little, options=options), first.under(pool, flood, options=options)
        )
    before = summarise(f"{quiet} {LITTLE:g}x alone", alone, window, options.deadline)
    during = summarise(f"{quiet} {LITTLE:g}x beside it", ours, window, options.deadline)
    storm = summarise(f"{flooded} {FLOOD:g}x", theirs, window, options.deadline)
    loads = (before, during, storm)
    return Verdict(
        f"{quiet} at {LITTLE:g}x: p50 {before.latency.p50 * 1000:,.1f} ms and p99 {before.latency.p99 * 1000:,.1f} ms "
        f"alone, {during.latency.p50 * 1000:,.1f} and {during.latency.p99 * 1000:,.1f} ms beside {flooded} at "
        f"{FLOOD:g}x; {during.shares.get(200, 0.0):.1%} of it answered"
        + ("" if all(each.is_on_time for each in loads) else "; THE GENERATOR WAS LATE, do not trust these"),
        None,
        {"peaks": [first.peak, second.peak], "loads": loads},
        (table(f"{first}; {second}", loads),),
    )
