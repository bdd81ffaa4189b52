"""One bad request among those that share its batch: it fails, with its id to ask after, and nobody else does."""

from __future__ import annotations

import asyncio

from benchmarks.connection import Reply, predict
from benchmarks.foreign import UNMASKED, VOCABULARY
from benchmarks.held import held, long_enough, until_waiting
from benchmarks.pool import Pool
from benchmarks.target import Scrape, Target, grown
from benchmarks.verdict import Options, Verdict

TOGETHER = 32
BAD = 17
"""Which one: with neighbours on both sides."""
TOKENS = 20


def body_of(place: int) -> bytes:
    first = VOCABULARY if place == BAD else place % VOCABULARY
    return predict(UNMASKED, {"inputs": {"text": [first] * TOKENS}}, x_request_id=f"poison-{place}")


async def poison(target: Target, options: Options) -> Verdict:
    async with target.pool() as pool:
        length = await long_enough(target, pool)
        before = await target.scrape()
        replies = await asked_together(target, pool, length)
        alone, batches = shared(before, await target.scrape())
    others = [reply for place, reply in enumerate(replies) if place != BAD]
    answered = sum(reply.status == 200 for reply in others)
    bad = replies[BAD]
    told = bad.request_id == f"poison-{BAD}" == bad.json()["error"].get("request_id", "")
    return Verdict(
        f"{answered} of {len(others)} answered, the bad one got {bad.status} {'with' if told else 'WITHOUT'} its id; "
        f"the {TOGETHER} ran in {batches} {'batch' if batches == 1 else 'batches'}",
        kept=answered == len(others) and bad.status == 500 and told and alone == 0,
        figures={"answered": answered, "bad_status": bad.status, "batches": batches, "ran_alone": alone},
    )


async def asked_together(target: Target, pool: Pool, length: int) -> list[Reply]:
    async with held(target, pool, length) as running:
        asked = [asyncio.create_task(pool.ask(body_of(place))) for place in range(TOGETHER)]
        await until_waiting(target, running, TOGETHER)
    return await asyncio.gather(*asked)


def shared(before: Scrape, after: Scrape) -> tuple[int, int]:
    """Of the batches since, without the long one: how many had a single row, and how many there were."""
    alone = grown("inference_batch_rows_bucket", before, after, model=UNMASKED, le="1.0")
    return alone - 1, grown("inference_batch_rows_count", before, after, model=UNMASKED) - 1
