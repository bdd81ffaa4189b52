"""Versions take over without a failed request, again and again, and what they leave behind does not pile up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bodies import everyday_bodies
from benchmarks.connection import Lost, predict
from benchmarks.memory import MIB, resident
from benchmarks.pool import Pool
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options, Verdict

DISTINCT = 256
SETTLED = 10
"""Rolls after which memory should have found its level."""
PATIENCE = 60


@dataclass
class Traffic:
    """Callers who ask again as soon as they are answered, for the default version."""

    requests: Sequence[bytes]
    statuses: Counter[int] = field(default_factory=Counter)
    """0 is no answer."""
    versions: Counter[int] = field(default_factory=Counter)
    """Who answered."""

    @asynccontextmanager
    async def from_callers(self, count: int, pool: Pool) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._call(number, pool, stop))
            try:
                yield
            finally:
                stop.set()

    async def _call(self, number: int, pool: Pool, stop: asyncio.Event) -> None:
        while not stop.is_set():
            number += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await pool.ask(self.requests[number % len(self.requests)])
            except (Lost, OSError):
                self.statuses[0] += 1
                continue
            self.statuses[reply.status] += 1
            if reply.status == 200:
                self.versions[reply.json()["version"]] += 1


async def rolls(target: Target, options: Options) -> Verdict:
    model = options.models[0]
    told = await target.describe(model)
    requests = [predict(model, body) for body in everyday_bodies(told, DISTINCT, options.seed)]
    traffic, memory, right = Traffic(requests), list[float](), 0
    old, new = int(told["version"]), await another_version(target, model)
    async with target.pool() as pool, traffic.from_callers(options.callers, pool):
        for _ in range(options.rolls):
            await roll(target, model, old, new)
            right += await answered_by(pool, requests[0]) == new
            memory.append((resident(target.process.pid) if target.process else None) or float("nan"))
            old, new = new, old
    return judge(model, traffic, right, memory, size_of(target.store, model))


async def another_version(target: Target, model: str) -> int:
    """The highest that does not answer. Raises NotSeen."""
    told = next(each for each in (await target.get("/models")).json()["models"] if each["name"] == model)
    others = [int(each) for each in told["on_disk"] if each != told["version"]]
    if not others:
        raise NotSeen(f"the store has one version of {model} only: there is nothing to roll to")
    return max(others)


async def roll(target: Target, model: str, old: int, new: int) -> None:
    """Loads the new version, has it answer whoever names none, unloads the old one."""
    await target.change("POST", f"/{model}/versions/{new}/load")
    await target.change("PUT", f"/{model}/labels/stable", {"version": new})
    await target.change("POST", f"/{model}/versions/{old}/unload")


async def answered_by(pool: Pool, request: bytes) -> int:
    reply = await pool.ask(request)
    return int(reply.json()["version"]) if reply.status == 200 else -1


def size_of(store: Path | None, model: str) -> float:
    """The bytes of one version on disk, in MiB."""
    versions = sorted((store / model).iterdir()) if store else []
    files = (each for each in versions[-1].rglob("*") if each.is_file()) if versions else ()
    return sum(each.stat().st_size for each in files) / MIB


def judge(model: str, traffic: Traffic, right: int, memory: Sequence[float], size: float) -> Verdict:
    """Memory is judged where it can be seen, and where there were rolls enough for it to find its level."""
    asked, failed = traffic.statuses.total(), traffic.statuses.total() - traffic.statuses[200]
    kept = right == len(memory) and not failed and len(traffic.versions) > 1
    line = f"{model}: {failed:,} of {asked:,} requests failed over {len(memory)} rolls, {right} of which took over"
    if len(memory) > SETTLED and memory[-1] == memory[-1]:
        settled = memory[SETTLED - 1]
        kept = kept and memory[-1] <= settled + size
        line += (
            f"; memory {settled:,.0f} MiB after roll {SETTLED}, {memory[-1]:,.0f} after the last ({size:.1f} on disk)"
        )
    figures = {"statuses": traffic.statuses, "versions": traffic.versions, "memory_mib": memory, "size_mib": size}
    return Verdict(line, kept, figures)
