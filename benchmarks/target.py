"""The service that is asked: where it is, what it tells of itself, and, where it was started here, its process."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.pool import Pool

LOOK = 0.01
PATIENCE = 30.0
"""Seconds in which what a scenario waits for has to be seen."""


CHANGE_SECONDS = 120
"""A version may take long to load."""


class NotSeen(Exception):
    """What a scenario needs was not there, or did not come; says nothing of the promises."""


@dataclass(frozen=True)
class Scrape:
    """What `/metrics` said at one moment."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series of the name that have these labels; 0 when there is none."""
        return sum(value for each, had, value in self.samples if each == name and labels.items() <= had.items())


def grown(name: str, before: Scrape, after: Scrape, **labels: str) -> int:
    """Of a counter, from one scrape to the next."""
    return round(after.total(name, **labels) - before.total(name, **labels))


@dataclass(frozen=True)
class Target:
    """`process`, `log` and `store` are there only of a service that was started here."""

    address: str
    process: subprocess.Popen[str] | None = None
    log: Path | None = None
    token: str | None = None
    """Of the admin API."""
    store: Path | None = None

    def pool(self, limit: int | None = None) -> Pool:
        return Pool(self.address, limit)

    async def get(self, path: str) -> httpx.Response:
        """Raises httpx.HTTPError, also for a status that is not a success."""
        async with httpx.AsyncClient(base_url=self.address, timeout=PATIENCE) as client:
            return (await client.get(path)).raise_for_status()

    async def change(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Asks the admin API for a change of one model. Raises httpx.HTTPError, also for a refusal; NotSeen."""
        if self.token is None:
            raise NotSeen("this scenario changes versions: give MANIFOLD_ADMIN__TOKEN the token of the service")
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=f"{self.address}/admin/models", timeout=CHANGE_SECONDS) as client:
            return (await client.request(method, path, json=body, headers=headers)).raise_for_status()

    async def models(self) -> list[str]:
        """Those that can answer."""
        told = (await self.get("/models")).json()["models"]
        return [each["name"] for each in told if each["version"] is not None]

    async def describe(self, model: str) -> dict[str, Any]:
        """Raises NotSeen when it cannot answer."""
        if model not in await self.models():
            raise NotSeen(f"{self.address} serves no model {model!r}")
        told: dict[str, Any] = (await self.get(f"/models/{model}")).json()
        return told

    async def scrape(self) -> Scrape:
        families = text_string_to_metric_families((await self.get("/metrics")).text)
        return Scrape(tuple((each.name, each.labels, each.value) for family in families for each in family.samples))

    async def until(self, seen: Callable[[Scrape], bool], what: str) -> Scrape:
        """The first metrics in which it is seen. Raises NotSeen after a while."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            scrape = await self.scrape()
            if seen(scrape):
                return scrape
            await asyncio.sleep(LOOK)  # another process: there is nothing to wait on but its answer
        raise NotSeen(f"{what}: not within {PATIENCE:g} seconds")

    def lines_with(self, event: str, start: int = 0) -> int:
        """Lines of the log from `start` on that tell of the event."""
        assert self.log is not None
        with self.log.open() as file:
            file.seek(start)
            return sum(f'"event":"{event}"' in line for line in file)
