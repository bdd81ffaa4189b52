"""Any callers may ask for any heads at once: each gets exactly its own, and they are right."""

from __future__ import annotations

import asyncio

import numpy as np

from benchmarks.connection import Reply, predict
from benchmarks.foreign import TWELVE
from benchmarks.target import Target, grown
from benchmarks.verdict import Options, Verdict


async def heads(target: Target, options: Options) -> Verdict:
    names = [head["name"] for head in (await target.describe(TWELVE))["heads"]]
    draw = np.random.default_rng(options.seed)
    rows = draw.integers(-100, 100, (options.count, 4)).tolist()
    asked = [draw.choice(names, draw.integers(1, len(names) + 1), replace=False).tolist() for _ in rows]
    requests = [
        predict(TWELVE, {"inputs": {"row": row}, "heads": some, "raw": True})
        for row, some in zip(rows, asked, strict=True)
    ]
    before = await target.scrape()
    async with target.pool(options.callers) as pool:
        replies = await asyncio.gather(*map(pool.ask, requests))
    batches = grown("inference_batches_total", before, await target.scrape(), model=TWELVE)
    right = sum(map(is_right, replies, rows, asked))
    return Verdict(
        f"{right:,} of {len(rows):,} subsets of {len(names)} heads complete and right, in {batches:,} batches",
        kept=right == len(rows) > batches,
        figures={"right": right, "asked": len(rows), "batches": batches},
    )


def is_right(reply: Reply, row: list[float], asked: list[str]) -> bool:
    """Head number n answers the sum of the row plus n: small whole numbers, which a float32 holds exactly."""
    if reply.status != 200:
        return False
    return bool(reply.json()["outputs"] == {name: [sum(row) + int(name.removeprefix("head_"))] for name in asked})
