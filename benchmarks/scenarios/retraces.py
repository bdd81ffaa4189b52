"""Ready means warm: whatever is asked of a model that is ready, nothing is traced for it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import replace

import numpy as np

from benchmarks.bodies import Body, Draw, bodies
from benchmarks.connection import predict
from benchmarks.pool import Pool
from benchmarks.target import Target, grown
from benchmarks.verdict import Options, Verdict

MOST_ROWS = 8
TIMEOUT = 300


async def retraces(target: Target, options: Options) -> Verdict:
    models = options.models or tuple(await target.models())
    before = await target.scrape()
    each = math.ceil(options.count / len(models))
    statuses = {model: await ask(target, model, replace(options, count=each)) for model in models}
    after = await target.scrape()
    traced = {model: grown("model_retraces_total", before, after, model=model) for model in models}
    return judge(statuses, traced)


def judge(statuses: dict[str, Counter[int]], traced: dict[str, int]) -> Verdict:
    """What was not answered cannot have traced anything, and proves nothing."""
    asked = sum(each.total() for each in statuses.values())
    answered = sum(each[200] for each in statuses.values())
    guilty = ", ".join(f"{model} {count:,}" for model, count in traced.items() if count)
    return Verdict(
        f"{sum(traced.values()):,} functions traced by {asked:,} random requests to {len(traced)} models, "
        f"{answered:,} of which were answered" + (f": {guilty}" if guilty else ""),
        kept=not guilty and answered == asked,
        figures={"traced": traced, "statuses": statuses},
    )


async def ask(target: Target, model: str, options: Options) -> Counter[int]:
    """Random heads, lengths and numbers of rows; made as they are sent, since photos as numbers are large."""
    draw, told = np.random.default_rng(options.seed), await target.describe(model)
    statuses: Counter[int] = Counter()
    left = options.count

    async def call(pool: Pool) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            body = of_many_rows(bodies(told, int(draw.integers(1, MOST_ROWS + 1)), int(draw.integers(2**32))), draw)
            statuses[(await pool.ask(predict(model, body, x_request_timeout=TIMEOUT))).status] += 1

    async with target.pool(options.callers) as pool, asyncio.TaskGroup() as callers:
        for _ in range(options.callers):
            callers.create_task(call(pool))
    return statuses


def of_many_rows(some: list[Body], draw: Draw) -> Body:
    """One request with all their rows, for the heads of the first; a single row in either form."""
    if len(some) == 1 and draw.random() < 0.5:
        return some[0]
    return {"instances": [each["inputs"] for each in some], "heads": some[0]["heads"], "raw": True}
