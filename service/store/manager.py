"""Moves versions through START, LOADING, AVAILABLE, UNLOADING, END, and lends out the available ones.

Knows neither what a loaded version is nor how it is made: `load` and `unload` are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from service.errors import ModelNotFound, ModelNotReady
from service.events import Emit, VersionLoaded, VersionStateChanged
from service.store.scanner import Found, Listing
from service.store.versions import Plan, State, VersionPolicy, plan

S = TypeVar("S")

SHOWN = 300
"""Characters of a name or a reason that a caller is told; the log has the whole."""


@dataclass(eq=False)
class Version(Generic[S]):
    """One version of one model, as the manager sees it. `reason` is set when it failed."""

    model: str
    number: int
    found: Found
    state: State = State.START
    reason: str = ""
    served: S | None = None
    leases: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __repr__(self) -> str:
        return f"<Version {self.model}/{self.number} {self.state} [{self.leases} leases]>"


@dataclass(frozen=True)
class VersionStatus:
    number: int
    state: State
    reason: str


@dataclass(frozen=True)
class ModelStatus:
    """`version` is the one that answers when none is named; None while none can."""

    name: str
    version: int | None
    versions: tuple[VersionStatus, ...]

    @property
    def state(self) -> str:
        """The state of the answering version, else of the newest; `ABSENT` for a model without any."""
        if self.version is not None:
            return State.AVAILABLE
        return self.versions[-1].state if self.versions else "ABSENT"


class StoreManager(Generic[S]):
    """Keeps what is loaded in step with the store, one change at a time, and lends it out."""

    def __init__(
        self,
        *,
        scan: Callable[[], Listing],
        load: Callable[[str, int, Path], Awaitable[S]],
        unload: Callable[[S], Awaitable[None]],
        policy_of: Callable[[str], VersionPolicy],
        emit: Emit,
        clock: Callable[[], float],
    ) -> None:
        self._scan = scan
        self._load = load
        self._unload = unload
        self._policy_of = policy_of
        self._emit = emit
        self._clock = clock
        self._models: dict[str, dict[int, Version[S]]] = {}
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        available = sum(record.state is State.AVAILABLE for record in self._records())
        return f"<StoreManager [{len(self._models)} models, {available} available]>"

    async def watch(self, interval: float, on_error: Callable[[Exception], None]) -> None:
        """Reconciles for ever, whatever happens in one round: unwatched, a store would look healthy and be stale."""
        while True:
            try:
                await self.reconcile()
            except Exception as error:
                on_error(error)
            await asyncio.sleep(interval)

    async def reconcile(self) -> None:
        """Looks at the store once and does what follows from it, to the end. Raises OSError."""
        async with self._lock:
            listing = await asyncio.to_thread(self._scan)
            self._note(listing)
            for model in self._models:
                await self._bring_in_step(model, listing.get(model, {}))
            for model in [name for name, known in self._models.items() if not known and name not in listing]:
                del self._models[model]

    def _note(self, listing: Listing) -> None:
        """Every wanted version is in START before the first one loads: readiness must see them all."""
        for model, found in listing.items():
            known = self._models.setdefault(model, {})
            for number, record in list(known.items()):
                gone = number not in found
                changed = not gone and found[number].fingerprint != record.found.fingerprint
                if record.state is State.END and (gone or changed):
                    del known[number]
            self._start(model, self._plan(model, found), found)
        for model in self._models.keys() - listing.keys():
            known = self._models[model]
            for number in [n for n, record in known.items() if record.state is State.END]:
                del known[number]

    async def _bring_in_step(self, model: str, found: dict[int, Found]) -> None:
        known = self._models[model]
        while True:
            for record in sorted(known.values(), key=lambda record: -record.number):
                if record.state is State.START:
                    await self._bring_up(record)
            next_step = self._plan(model, found)
            if next_step == Plan():
                return
            self._start(model, next_step, found)
            for number in next_step.unload:
                await self._take_down(known.pop(number))

    def _plan(self, model: str, found: dict[int, Found]) -> Plan:
        known = self._models[model]
        found = {number: each for number, each in found.items() if each.settled or number in known}
        states = {number: record.state for number, record in known.items()}
        failed = [number for number, state in states.items() if state is State.END]
        return plan(self._policy_of(model), found, states, failed)

    def _start(self, model: str, step: Plan, found: dict[int, Found]) -> None:
        for number in step.load:
            record = Version[S](model, number, found[number])
            self._models[model][number] = record
            self._move(record, State.START)

    async def _bring_up(self, record: Version[S]) -> None:
        began = self._clock()
        self._move(record, State.LOADING)
        try:
            record.served = await self._load(record.model, record.number, record.found.path)
        except Exception as error:  # whatever a file can do to a loader, the service stays up
            self._move(record, State.END, f"{error}" or type(error).__name__)
            return
        self._move(record, State.AVAILABLE)
        self._emit(VersionLoaded(record.model, record.number, self._clock() - began))

    async def _take_down(self, record: Version[S]) -> None:
        self._move(record, State.UNLOADING)
        if record.leases:
            await record.idle.wait()
        served, record.served = record.served, None
        if served is not None:
            await self._unload(served)
        self._move(record, State.END)

    def _move(self, record: Version[S], state: State, reason: str = "") -> None:
        record.state, record.reason = state, reason
        self._emit(VersionStateChanged(record.model, record.number, state, reason))

    @contextmanager
    def lease(self, model: str, number: int | None = None) -> Iterator[S]:
        """Lends the version, which stays loaded until the block ends. Raises ModelNotFound, ModelNotReady."""
        record = self._find(model, number)
        assert record.served is not None
        record.leases += 1
        try:
            yield record.served
        finally:
            record.leases -= 1
            if not record.leases and record.state is State.UNLOADING:
                record.idle.set()

    def _find(self, model: str, number: int | None) -> Version[S]:
        known = self._models.get(model)
        if known is None:
            names = ", ".join(sorted(self._models)) or "none"
            raise ModelNotFound(f"no model {model[:SHOWN]!r}; known models: {names}")
        if number is None:
            number = self._default(model)
        if number is None:
            raise ModelNotReady(f"model {model!r} has no version that can answer yet{self._why(known)}")
        record = known.get(number)
        if record is None:
            loaded = ", ".join(str(n) for n in sorted(known)) or "none"
            raise ModelNotFound(f"model {model!r} has no version {number}; known versions: {loaded}")
        if record.state is not State.AVAILABLE:
            raise ModelNotReady(f"version {number} of model {model!r} is {record.state}{self._why({number: record})}")
        return record

    def _why(self, known: dict[int, Version[S]]) -> str:
        if not known:
            return ": the store has none"
        newest = known[max(known)]
        return f": version {newest.number} is {newest.state}" + (f" ({newest.reason[:SHOWN]})" if newest.reason else "")

    def _default(self, model: str) -> int | None:
        available = [n for n, record in self._models[model].items() if record.state is State.AVAILABLE]
        return max(available, default=None)

    def _records(self) -> Iterator[Version[S]]:
        for known in self._models.values():
            yield from known.values()

    def is_known(self, model: str) -> bool:
        """Whether the store has a model of that name, available or not."""
        return model in self._models

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Every model of the store, by name."""
        return tuple(self._status(model) for model in sorted(self._models))

    def _status(self, model: str) -> ModelStatus:
        records = sorted(self._models[model].values(), key=lambda record: record.number)
        shown = tuple(VersionStatus(record.number, record.state, record.reason) for record in records)
        return ModelStatus(model, self._default(model), shown)

    @property
    def is_ready(self) -> bool:
        """Whether every model that has a version can answer, and there is at least one.

        A model that answers stays ready while its next version warms up, and a version that failed is no reason
        to take the others away from their callers.
        """
        coming = {record.model for record in self._records() if record.state in (State.START, State.LOADING)}
        answering = {record.model for record in self._records() if record.state is State.AVAILABLE}
        return bool(answering) and coming <= answering

    def available(self) -> tuple[S, ...]:
        """The default version of every model that can answer, by name."""
        records = (self._models[model].get(self._default(model) or -1) for model in sorted(self._models))
        return tuple(record.served for record in records if record is not None and record.served is not None)

    async def close(self) -> None:
        """Takes every version down once its leases have ended."""
        async with self._lock:
            for model, known in self._models.items():
                for number in [n for n, record in known.items() if record.state is State.AVAILABLE]:
                    await self._take_down(self._models[model].pop(number))
