"""Past saturation the accepted are answered in time, the rest is told to come back, and a storm leaves no trace.

First a closed loop finds the most a model can do; then an open loop offers shares and multiples of that. What is left
past saturation is compared with what the closed loop gets just before and just after: the machine is another by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.arrivals import Stretch
from benchmarks.memory import Memory, memory_of
from benchmarks.pool import Pool
from benchmarks.report import Summary, recovery, summarise, table
from benchmarks.saturation import Loaded, ceiling_for, saturate
from benchmarks.target import Target
from benchmarks.verdict import Options, Verdict

CALM = 0.2
"""Of the peak: before and after the storm."""
RISING = (0.5, 1.0)
STORMS = (2.0, 3.0)


@dataclass(frozen=True)
class Storms:
    """What came of each load; of those past saturation also the peak before and after, in requests/s.

    `calm_after`: seconds after the last until answers took no longer than before the first.
    """

    loads: Sequence[Summary]
    peaks: Mapping[str, tuple[float, float]]
    calm_after: float

    def shares(self) -> dict[str, float]:
        """Goodput past saturation, as a share of the peak around it."""
        goodput = {each.name: each.goodput for each in self.loads}
        return {name: goodput[name] / mean(around) for name, around in self.peaks.items()}


async def overload(target: Target, options: Options) -> Verdict:
    async with target.pool() as pool:
        loaded = await saturate(target, pool, options.models[0], options)
        async with memory_of(target.process.pid if target.process else None) as memory:
            storms = await weather(pool, loaded, options)
    batching = (await target.describe(loaded.model)).get("batching")
    return verdict(loaded, storms, memory, await ceiling_for(loaded.requests), batching)


async def weather(pool: Pool, loaded: Loaded, options: Options) -> Storms:
    """Calm, rising, and the storms, each followed by calm."""
    seconds, deadline = options.seconds, options.deadline
    window = begun(options), seconds
    loads = []
    for share in (CALM, *RISING):
        samples = await loaded.under(pool, Stretch("", share, seconds), options=options)
        loads.append(summarise(f"{share:g}x", samples, window, deadline))
    end = 2 * seconds + 2 * deadline  # what the storm left behind has to be over by then
    peaks = {}
    before = await loaded.again(pool, options)
    for share in STORMS:
        both = Stretch("storm", share, seconds), Stretch("calm", CALM, end - seconds)
        samples = await loaded.under(pool, *both, options=options)
        loads.append(summarise(f"{share:g}x", samples, window, deadline))
        loads.append(summarise(f"then {CALM:g}x", samples, (seconds, end), deadline))
        after = await loaded.again(pool, options)
        peaks[f"{share:g}x"] = before, after
        before = after
    return Storms(loads, peaks, recovery(samples, seconds, usual=loads[0].latency.p50))


def begun(options: Options) -> float:
    """Seconds after which a load counts, as with the peak: until then answers are still on their way."""
    return min(options.deadline, options.seconds / 2)


def verdict(loaded: Loaded, storms: Storms, memory: Memory | None, ceiling: float, batching: object = None) -> Verdict:
    past = [each for each in storms.loads if each.name in storms.peaks]
    line = (
        f"{loaded}; goodput "
        + ", ".join(
            f"{share:.0%} of {' and '.join(f'{each:,.0f}' for each in storms.peaks[name])} around it at {name}"
            for name, share in storms.shares().items()
        )
        + f"; p99 of the accepted {max(each.latency.p99 for each in past) * 1000:,.0f} ms"
        + f"; calm {storms.calm_after:.2f} s after the storm"
        + (f"; memory {memory}" if memory else "")
        + f"; generator ceiling {ceiling:,.0f} requests/s"
        + ("" if all(each.is_on_time for each in storms.loads) else "; THE GENERATOR WAS LATE, do not trust these")
    )
    figures = {
        "model": loaded.model,
        "peak": loaded.peak,
        "loads": storms.loads,
        "peaks_around": storms.peaks,
        "calm_after": storms.calm_after,
        "memory": memory,
        "generator_ceiling": ceiling,
        "batching": batching,
    }
    return Verdict(line, None, figures, (table(str(loaded), storms.loads, loaded.peak.rate),))
