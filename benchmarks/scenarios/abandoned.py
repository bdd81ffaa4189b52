"""Nobody computes what nobody waits for: requests whose callers hang up while they are queued never run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.connection import Connection, predict
from benchmarks.foreign import UNMASKED
from benchmarks.held import held, long_enough, until_waiting
from benchmarks.pool import Pool
from benchmarks.target import NotSeen, Target, grown
from benchmarks.verdict import Options, Verdict

MANY = 8
REQUEST = predict(UNMASKED, {"inputs": {"text": [3] * 20}})
CONTROLS = 3
"""Requests afterwards, one after the other: the queue goes on, and what was left in it would have run before them."""


@dataclass(frozen=True)
class Way:
    """How they hang up, and how many requests each connection sends before: some at once, the others when those wait.

    Requests of one connection are read one by one, so that of each only one is in the queue.
    """

    name: str
    connect: Callable[[Pool], Awaitable[list[Connection]]]
    leave: Callable[[Connection], None]
    at_once: int = 1
    later: int = 0


@dataclass(frozen=True)
class Left:
    """What came of one way: rows that waited, that ran all the same, that were dropped, and what the log says of it."""

    waited: int
    ran: int
    dropped: int
    told: int | None


async def fresh(pool: Pool) -> list[Connection]:
    return [await pool.connect() for _ in range(MANY)]


async def kept_alive(pool: Pool) -> list[Connection]:
    """Each was answered once already."""
    made = await fresh(pool)
    for connection in made:
        await connection.ask(REQUEST)
    return made


async def one(pool: Pool) -> list[Connection]:
    return [await pool.connect()]


WAYS = (
    Way("closed", fresh, Connection.close),
    Way("reset", fresh, Connection.reset),
    Way("kept alive, then closed", kept_alive, Connection.close),
    Way("pipelined at once, then closed", one, Connection.close, at_once=MANY),
    Way("pipelined at once, then reset", one, Connection.reset, at_once=MANY),
    Way("pipelined in turn, then closed", one, Connection.close, later=MANY - 1),
)


async def abandoned(target: Target, options: Options) -> Verdict:
    async with target.pool() as pool:
        length = await long_enough(target, pool)
        found = {way.name: await leave(target, pool, length, way) for way in WAYS}
    ran = {name: left.ran for name, left in found.items() if left.ran}
    unnoticed = [name for name, left in found.items() if left.dropped < left.waited]
    untold = [name for name, left in found.items() if left.told not in (None, left.dropped)]
    line = ", ".join(f"{MANY - left.ran} of {MANY} {name} not executed" for name, left in found.items())
    for what, names in (("not dropped", unnoticed), ("not in the log", untold)):
        line += f"; {what}: {', '.join(names)}" if names else ""
    return Verdict(
        line,
        kept=not (ran or unnoticed or untold),
        figures=found,
    )


async def leave(target: Target, pool: Pool, length: int, way: Way) -> Left:
    connections = await way.connect(pool)
    start = target.log.stat().st_size if target.log else 0
    before = await target.scrape()
    async with held(target, pool, length) as running:
        asked = [reply for each in connections for reply in each.send(*[REQUEST] * way.at_once)]
        await until_waiting(target, running, len(connections))
        for connection in connections:
            asked += connection.send(*[REQUEST] * way.later)
            way.leave(connection)
        await asyncio.gather(*asked, return_exceptions=True)  # each is lost
    for _ in range(CONTROLS):
        if (await pool.ask(REQUEST)).status != 200:
            raise NotSeen("a request after the abandoned ones was not answered")
    after = await target.scrape()
    return Left(
        waited=len(connections),
        ran=grown("inference_rows_total", before, after, model=UNMASKED) - 1 - CONTROLS,
        dropped=grown("inference_dropped_rows_total", before, after, model=UNMASKED, reason="cancelled"),
        told=target.lines_with("call dropped", start) if target.log else None,
    )
