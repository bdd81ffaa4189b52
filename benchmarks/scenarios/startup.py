"""A restart is short, and ready means warm: what an earlier start has found out is not found out again, and the first
request of each model is answered about as fast as the hundredth.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from rich.table import Table

from benchmarks.bodies import everyday_bodies
from benchmarks.connection import Connection, predict, request
from benchmarks.sample import without_collections
from benchmarks.service import service_on
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options, Verdict

HUNDRED = 100
HELLOS = 20
"""Before the first request: connection, generator and both event loops are as awake as at the hundredth."""
MOST_SLOWER = 1.5
"""Times the hundredth request's median that the first one's may be."""
MOST_SECONDS = 15.0
"""From TensorFlow's import to ready, with what earlier starts found out."""


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process until TensorFlow was there and until each model answered; those that each
    model's loading took, by stage; and those of its first and its hundredth request, which ask for the same."""

    imported: float
    available: Mapping[str, float]
    stages: Mapping[str, Mapping[str, float]]
    first: dict[str, float] = field(default_factory=dict)
    hundredth: dict[str, float] = field(default_factory=dict)

    @property
    def ready(self) -> float:
        return max(self.available.values())

    @property
    def usable(self) -> float:
        """Until the first model answered."""
        return min(self.available.values())


async def startup(target: Target, options: Options) -> Verdict:
    """One start that knows nothing, then `count` that know what it found out."""
    if target.store is None:
        raise NotSeen("this scenario starts services, so it has to be given models: --store, not --url")
    described: dict[str, dict[str, Any]] = {}
    starts = [await start(target.store, described, options.seed + number) for number in range(1 + options.count)]
    return judge(starts[0], starts[1:])


async def start(store: Path, described: dict[str, dict[str, Any]], seed: int) -> Start:
    """`described` is what models say of themselves; only the first start is asked."""
    log, began = store.parent / f"log-{seed}", time.time()
    with service_on(store, log) as target:
        if not described:
            described.update({model: await target.describe(model) for model in await target.models()})
        made = read(log.read_text(), began)
        requests = {model: hundred(model, told, seed) for model, told in described.items()}
        async with target.pool() as pool:
            connection = await pool.connect()
            with without_collections():
                for _ in range(HELLOS):
                    await connection.ask(request("/healthz"))
                rounds = [await one_of_each(connection, each) for each in in_turn(requests)]
    made.first.update(rounds[0])
    made.hundredth.update(rounds[-1])
    return made


def in_turn(requests: Mapping[str, Sequence[bytes]]) -> Iterator[dict[str, bytes]]:
    """One request to each model, then the next to each: whoever asks a model again and again finds its weights in the
    processor's caches, which says nothing of how warm it was at first."""
    for each in zip(*requests.values(), strict=True):
        yield dict(zip(requests, each, strict=True))


async def one_of_each(connection: Connection, wanted: Mapping[str, bytes]) -> dict[str, float]:
    return {model: await timed(connection, each) for model, each in wanted.items()}


def hundred(model: str, told: dict[str, Any], seed: int) -> list[bytes]:
    """Requests as people send them, the last of which is the first again."""
    bodies = everyday_bodies(told, HUNDRED - 1, seed)
    return [predict(model, body) for body in [*bodies, bodies[0]]]


async def timed(connection: Connection, wanted: bytes) -> float:
    """Raises NotSeen for a request that was refused."""
    began = time.perf_counter()
    reply = await connection.ask(wanted)
    if reply.status != 200:
        raise NotSeen(f"a request was answered with {reply.status}: {reply.body[:300]!r}")
    return time.perf_counter() - began


def read(log: str, began: float) -> Start:
    """What the log says of the start; `began` is a time of the same clock. Raises NotSeen."""
    lines = [orjson.loads(line) for line in log.splitlines() if line.startswith("{")]
    at = [
        (datetime.fromisoformat(line["timestamp"]).timestamp() - began, line) for line in lines if "timestamp" in line
    ]
    imported = [seconds for seconds, line in at if line["event"] == "runtime started"]
    available = {line["model"]: seconds for seconds, line in at if line["event"] == "version available"}
    if not imported or not available:
        raise NotSeen("the log does not say when the models were available: is log.level above info?")
    return Start(imported[0], available, {line["model"]: line["stages"] for line in lines if "stages" in line})


def judge(cold: Start, warm: Sequence[Start]) -> Verdict:
    slower = {
        model: median(each.first[model] for each in warm) / median(each.hundredth[model] for each in warm)
        for model in cold.first
    }
    worst = max(slower, key=lambda model: slower[model])
    beyond = median(each.ready - each.imported for each in warm)
    return Verdict(
        f"ready {beyond:.1f} s after TensorFlow's import with what an earlier start found out, "
        f"{cold.ready - cold.imported:.1f} s without; the first request of {worst} takes {slower[worst]:.2f} times as "
        f"long as the hundredth, that of all others less ({len(warm)} starts)",
        kept=beyond <= MOST_SECONDS and slower[worst] <= MOST_SLOWER,
        figures={"cold": cold, "warm": warm, "first_to_hundredth": slower},
        tables=(of_starts(cold, warm), of_models(cold, warm, slower), of_stages(cold, warm)),
    )


def of_starts(cold: Start, warm: Sequence[Start]) -> Table:
    made = Table(title="Seconds from the start of the process")
    for column in ("start", "TensorFlow imported", "first model usable", "ready", "ready after the import"):
        made.add_column(column, justify="left" if column == "start" else "right")
    for name, each in [("empty cache", cold), *((f"filled cache {n}", one) for n, one in enumerate(warm, 1))]:
        figures = (each.imported, each.usable, each.ready, each.ready - each.imported)
        made.add_row(name, *(f"{seconds:.1f}" for seconds in figures))
    return made


def of_models(cold: Start, warm: Sequence[Start], slower: Mapping[str, float]) -> Table:
    made = Table(title="By model, medians of the starts with a filled cache")
    columns = ("model", "loads in s", "empty cache", "usable at s", "first ms", "hundredth ms", "ratio")
    for column in columns:
        made.add_column(column, justify="left" if column == "model" else "right")
    for model in sorted(cold.available, key=lambda each: cold.available[each]):
        loads = median(sum(each.stages[model].values()) for each in warm)
        usable = median(each.available[model] for each in warm)
        first, hundredth = (
            1000 * median(each.first[model] for each in warm),
            1000 * median(each.hundredth[model] for each in warm),
        )
        figures = (f"{loads:.2f}", f"{sum(cold.stages[model].values()):.2f}", f"{usable:.1f}")
        made.add_row(model, *figures, f"{first:.2f}", f"{hundredth:.2f}", f"{slower[model]:.2f}")
    return made


def of_stages(cold: Start, warm: Sequence[Start]) -> Table:
    """Of the loads of each start; of the filled caches the medians."""
    stages = list(dict.fromkeys(stage for each in cold.stages.values() for stage in each))
    made = Table(title="Seconds of loading, empty cache / filled cache; TensorFlow's import is the first graph's")
    for column in ("model", *stages):
        made.add_column(column, justify="left" if column == "model" else "right")
    for model in sorted(cold.available, key=lambda each: cold.available[each]):
        made.add_row(
            model,
            *(
                f"{cold.stages[model].get(stage, 0):.2f} / {median(e.stages[model].get(stage, 0) for e in warm):.2f}"
                for stage in stages
            ),
        )
    return made
