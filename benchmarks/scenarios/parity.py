"""An answer does not depend on who shares the batch: random requests asked by many at once, and again one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bodies import bodies
from benchmarks.connection import predict
from benchmarks.pool import Pool
from benchmarks.target import Target, grown
from benchmarks.verdict import Options, Verdict

ALLOWED = 1e-5
"""Of the difference, plus that much of the value."""
TIMEOUT = 300


@dataclass(frozen=True)
class Compared:
    """`worst` is the largest difference as a share of what is allowed; infinite where an answer is missing."""

    model: str
    requests: int
    worst: float
    rows_per_batch: float

    def __str__(self) -> str:
        return f"{self.model} {self.worst:.3f} ({self.requests:,} requests, {self.rows_per_batch:.1f} rows a batch)"


async def parity(target: Target, options: Options) -> Verdict:
    models = options.models or tuple(await target.models())
    compared = [await compare(target, model, options) for model in models]
    worst = max(compared, key=lambda each: each.worst)
    return Verdict(
        f"largest difference as a share of what is allowed: {worst.worst:.3f} ({worst.model}); "
        + ", ".join(map(str, compared)),
        kept=worst.worst <= 1,
        figures={each.model: each for each in compared},
    )


async def compare(target: Target, model: str, options: Options) -> Compared:
    asked = bodies(await target.describe(model), options.count, options.seed)
    requests = [predict(model, body, x_request_timeout=TIMEOUT) for body in asked]
    before = await target.scrape()
    async with target.pool(options.callers) as pool:
        together = await asyncio.gather(*(outputs(pool, request) for request in requests))
        after = await target.scrape()
        alone = [await outputs(pool, request) for request in requests]
    worst = max(map(difference, together, alone, (body["heads"] for body in asked)))
    batches = grown("inference_batches_total", before, after, model=model)
    rows = grown("inference_rows_total", before, after, model=model)
    return Compared(model, len(asked), worst, rows / max(batches, 1))


async def outputs(pool: Pool, request: bytes) -> dict[str, Any]:
    """Nothing where there was no answer."""
    reply = await pool.ask(request)
    return dict(reply.json()["outputs"]) if reply.status == 200 else {}


def difference(ours: dict[str, Any], lone: dict[str, Any], heads: Sequence[str]) -> float:
    """The largest of all heads, as a share of what is allowed."""
    if not set(ours) == set(lone) == set(heads):
        return float("inf")
    return max(of_tensors(np.asarray(ours[head], float), np.asarray(lone[head], float)) for head in heads)


def of_tensors(ours: NDArray[np.float64], lone: NDArray[np.float64]) -> float:
    if ours.shape != lone.shape:
        return float("inf")
    shares = np.abs(ours - lone) / (ALLOWED + ALLOWED * np.abs(lone))
    return float(np.max(np.nan_to_num(shares, nan=np.inf), initial=0.0))
