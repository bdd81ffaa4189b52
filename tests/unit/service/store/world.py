"""A store that is set by hand, and a loader that can be told to fail or to wait."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from service.events import ContractBroken, Event, VersionStateChanged
from service.store.control import Control
from service.store.manager import StoreManager
from service.store.scanner import Found, Listing
from service.store.succession import Predecessor
from service.store.trouble import StoreUnavailable
from service.store.versions import Preserve, VersionPolicy


class World:
    """What is loaded is a text, `MODEL/VERSION`, and `#2` for a second copy."""

    def __init__(
        self,
        labels: Mapping[str, int] | None = None,
        policy: str = "latest:1",
        explicit: bool = False,
        preserve: Preserve = "availability",
    ) -> None:
        self.listing: Listing = {}
        self.bad: set[tuple[str, int]] = set()
        self.breaking: dict[tuple[str, int], bool] = {}
        """Versions that break the contract, and whether they announce it."""
        self.judged: list[tuple[int, dict[int, str | None]]] = []
        """What was judged, by which versions below it: what answers for each of them, None where nothing does."""
        self.out_of_reach: set[tuple[str, int]] = set()
        self.now = 0.0
        self.gate: asyncio.Event | None = None
        self.loaded: list[str] = []
        self.unloaded: list[str] = []
        self.events: list[Event] = []
        self.manager = StoreManager(
            scan=lambda: self.listing,
            fetch=self.fetch,
            load=self.load,
            unload=self.unload,
            policy_of=lambda _: VersionPolicy.parse(policy),
            emit=self.events.append,
            clock=lambda: self.now,
            labels_of=lambda _: labels or {},
            judge=self.judge,
            is_explicit=explicit,
            preserve=preserve,
        )
        self.control = Control(self.manager)

    def put(self, model: str, versions: Iterable[int], mark: str = "") -> None:
        self.listing[model] = {n: Found(Path(model) / str(n), ((mark, 0, 0),)) for n in versions}

    async def judge(self, model: str, number: int, found: Found, before: Sequence[Predecessor[str]]) -> Sequence[Event]:
        self.judged.append((number, {each.number: each.served for each in before}))
        announced = self.breaking.get((model, number))
        if announced is False and before:
            raise ValueError("it breaks the contract")
        return [ContractBroken(model, number, before[-1].number, "why", ())] if announced and before else []

    async def fetch(self, model: str, version: int, folder: Path) -> Path:
        if (model, version) in self.out_of_reach:
            if self.gate is not None:
                await self.gate.wait()
            raise StoreUnavailable("no route to host")
        return folder

    async def load(self, model: str, version: int, folder: Path) -> str:
        if self.gate is not None:
            await self.gate.wait()
        if (model, version) in self.bad:
            raise ValueError("the file is damaged")
        name = f"{model}/{version}"
        self.loaded.append(name)
        copies = self.loaded.count(name)
        return name if copies == 1 else f"{name}#{copies}"

    async def unload(self, served: str) -> None:
        self.unloaded.append(served)

    def is_ready(self) -> bool:
        return self.manager.is_ready

    def answers(self, model: str, version: int | str | None = None) -> str:
        with self.manager.lease(model, version) as served:
            return served

    def available(self, model: str) -> list[int]:
        return [each.number for each in self.manager.status_of(model).versions if each.state == "AVAILABLE"]

    def states(self, model: str, version: int) -> list[str]:
        changes = [event for event in self.events if isinstance(event, VersionStateChanged)]
        return [each.state for each in changes if (each.model, each.version) == (model, version)]
