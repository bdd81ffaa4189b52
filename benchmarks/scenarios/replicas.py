"""Replicas of a model share one queue: equal ones take equal parts of it, and all answer as one alone."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from benchmarks.bodies import everyday_bodies
from benchmarks.closed_loop import GRACE, closed_loop
from benchmarks.connection import predict
from benchmarks.foreign import UNMASKED
from benchmarks.target import NotSeen, Target, grown
from benchmarks.verdict import Options, Verdict

DISTINCT = 256
WITHIN = 0.2
"""That equal replicas may differ by, as a share of the larger."""
SETTINGS = {"MANIFOLD_RUNTIME__LOGICAL_DEVICES": "2", "MANIFOLD_RUNTIME__DEVICE": "cpu:0,cpu:1"}
"""Two devices, cut from one CPU."""


async def replicas(target: Target, options: Options) -> Verdict:
    """Of a model that runs on several devices, equal ones. Raises NotSeen when there is only one."""
    model = options.models[0] if options.models else UNMASKED
    told = await target.describe(model)
    devices = told["placement"]["device"]
    if len(devices) < 2:
        raise NotSeen(f"{model} runs on {devices[0]} alone: set runtime.device to several")
    requests = [predict(model, body) for body in everyday_bodies(told, DISTINCT, options.seed)]
    before = await target.scrape()
    async with target.pool(options.callers) as pool:
        samples = await closed_loop(pool, requests, options.callers, options.seconds, options.deadline + GRACE)
    after = await target.scrape()
    batches = {each: grown("inference_batches_total", before, after, model=model, device=each) for each in devices}
    rows = {each: grown("inference_rows_total", before, after, model=model, device=each) for each in devices}
    failed = sum(sample.status != 200 for sample in samples)
    retraced = grown("model_retraces_total", before, after, model=model)
    return judge(model, batches, rows, len(samples), failed, retraced)


def judge(
    model: str, batches: Mapping[str, int], rows: Mapping[str, int], asked: int, failed: int, retraced: int
) -> Verdict:
    apart = max(spread(batches), spread(rows))
    table = Table("device", "batches", "rows", "share of batches", "share of rows", title=model)
    for device in batches:
        shares = (share(batches, device), share(rows, device))
        table.add_row(device, f"{batches[device]:,}", f"{rows[device]:,}", *(f"{each:.1%}" for each in shares))
    return Verdict(
        f"{model}: {failed:,} of {asked:,} requests failed on {len(batches)} replicas, {retraced} retraces; "
        + ", ".join(
            f"{device} {share(batches, device):.1%} of the batches, {share(rows, device):.1%} of the rows"
            for device in batches
        )
        + f": {apart:.1%} apart",
        kept=not failed and not retraced and asked > 0 and apart <= WITHIN,
        figures={"batches": batches, "rows": rows, "asked": asked, "failed": failed, "retraces": retraced},
        tables=(table,),
    )


def share(counts: Mapping[str, int], device: str) -> float:
    return counts[device] / max(1, sum(counts.values()))


def spread(counts: Mapping[str, int]) -> float:
    """How far the smallest is below the largest, as a share of the largest; all of it where nothing ran."""
    most = max(counts.values())
    return 1 - min(counts.values()) / most if most else 1.0
