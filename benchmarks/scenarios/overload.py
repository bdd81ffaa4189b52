"""Past saturation the accepted are answered in time, the rest is told to come back, and a storm leaves no trace.

First a closed loop finds the most a model can do; then an open loop offers shares and multiples of that.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.arrivals import Stretch
from benchmarks.memory import Memory, memory_of
from benchmarks.pool import Pool
from benchmarks.report import Summary, recovery, summarise, table
from benchmarks.saturation import Loaded, ceiling_for, saturate
from benchmarks.target import Target
from benchmarks.verdict import Options, Verdict

CALM = 0.2
"""Of the peak: before and after the storm."""
RISING = (0.5, 1.0, 2.0)
STORM = 3.0
PAST = (f"{RISING[-1]:g}x", f"{STORM:g}x")


async def overload(target: Target, options: Options) -> Verdict:
    async with target.pool() as pool:
        loaded = await saturate(target, pool, options.models[0], options)
        async with memory_of(target.process.pid if target.process else None) as memory:
            loads, calm_after = await storm(pool, loaded, options)
    batching = (await target.describe(loaded.model)).get("batching")
    return verdict(loaded, loads, calm_after, memory, await ceiling_for(loaded.requests), batching)


async def storm(pool: Pool, loaded: Loaded, options: Options) -> tuple[list[Summary], float]:
    """What came of each load, and the seconds after the last until answers took no longer than before the first."""
    seconds, deadline = options.seconds, options.deadline
    loads = []
    for share in (CALM, *RISING):
        samples = await loaded.under(pool, Stretch("", share, seconds), options=options)
        loads.append(summarise(f"{share:g}x", samples, (begun(options), seconds), deadline))
    end = 2 * seconds + 2 * deadline  # what the storm left behind has to be over by then
    both = Stretch("storm", STORM, seconds), Stretch("calm", CALM, end - seconds)
    samples = await loaded.under(pool, *both, options=options)
    loads.append(summarise(f"{STORM:g}x", samples, (begun(options), seconds), deadline))
    loads.append(summarise(f"then {CALM:g}x", samples, (seconds, end), deadline))
    return loads, recovery(samples, seconds, usual=loads[0].latency.p50)


def begun(options: Options) -> float:
    """Seconds after which a load counts, as with the peak: until then answers are still on their way."""
    return min(options.deadline, options.seconds / 2)


def verdict(
    loaded: Loaded,
    loads: Sequence[Summary],
    calm_after: float,
    memory: Memory | None,
    ceiling: float,
    batching: object = None,
) -> Verdict:
    peak = loaded.peak.rate
    past = [each for each in loads if each.name in PAST]
    line = (
        f"{loaded}; goodput "
        + ", ".join(f"{each.goodput / peak:.0%} of that at {each.name}" for each in past)
        + f"; p99 of the accepted {max(each.latency.p99 for each in past) * 1000:,.0f} ms"
        + f"; calm {calm_after:.2f} s after the storm"
        + (f"; memory {memory}" if memory else "")
        + f"; generator ceiling {ceiling:,.0f} requests/s"
        + ("" if all(each.is_on_time for each in loads) else "; THE GENERATOR WAS LATE, do not trust these")
    )
    figures = {
        "model": loaded.model,
        "peak": loaded.peak,
        "loads": loads,
        "calm_after": calm_after,
        "memory": memory,
        "generator_ceiling": ceiling,
        "batching": batching,
    }
    return Verdict(line, None, figures, (table(str(loaded), loads, peak),))
