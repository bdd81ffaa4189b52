"""Moves versions through START, LOADING, AVAILABLE, UNLOADING, END.

Where they stand, and who has borrowed them, is the `shelf`. What people want of single versions is in `wishes`, and
`control` is how they say so. Knows neither what a loaded version is nor how it is made: `load` and `unload` are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from service.errors import ChangeRefused, ShuttingDown
from service.events import Emit, Event, VersionLoaded, VersionStateChanged
from service.store.scanner import Found, Listing
from service.store.shelf import Shelf, Version
from service.store.succession import Judge, Predecessor, let_pass, predecessors
from service.store.trouble import StoreUnavailable
from service.store.versions import Plan, Preserve, Situation, State, VersionPolicy, plan, spare
from service.store.wishes import Shadowing

S = TypeVar("S")

RETRY_AFTER = 15.0
"""Seconds until a version that the store could not bring is tried again, though no file of it has changed."""

TOLD = 4_000
"""Characters of a reason that an operator is told who asked for a change: there may be a line for every head."""


def newest_bytes(found: Mapping[int, Found]) -> int:
    """Models are brought up in this order, the smallest first: so most of them answer soon."""
    return found[max(found)].bytes if found else 0


async def as_it_is(model: str, number: int, folder: Path) -> Path:
    """Where versions stand on this machine nothing has to be fetched."""
    return folder


class StoreManager(Shelf[S]):
    """Keeps what is loaded in step with the store, one change at a time, and lends it out."""

    def __init__(
        self,
        *,
        scan: Callable[[], Listing],
        load: Callable[[str, int, Path], Awaitable[S]],
        fetch: Callable[[str, int, Path], Awaitable[Path]] = as_it_is,
        unload: Callable[[S], Awaitable[None]],
        policy_of: Callable[[str], VersionPolicy],
        emit: Emit,
        clock: Callable[[], float],
        labels_of: Callable[[str], Mapping[str, int]] = lambda model: {},
        shadow_of: Callable[[str], Shadowing | None] = lambda model: None,
        judge: Judge[S] = let_pass,
        is_explicit: bool = False,
        preserve: Preserve = "availability",
    ) -> None:
        """`labels_of` and `shadow_of` a model are those of the configuration. `is_explicit`: after the first round,
        which follows the policy, versions come and go only because somebody says so. `preserve`: whether the old
        version or its memory goes first."""
        super().__init__(labels_of, shadow_of)
        self._scan = scan
        self._load = load
        self._fetch = fetch
        self._unload = unload
        self._policy_of = policy_of
        self._emit = emit
        self._clock = clock
        self._judge = judge
        self._is_explicit = is_explicit
        self._preserve = preserve
        self._lock = asyncio.Lock()
        self._is_started = False
        self._is_closed = False

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
            await self._follow(await asyncio.to_thread(self._scan))

    async def _follow(self, listing: Listing) -> None:
        self._listing = listing
        self._note(listing)
        for model in sorted(self._models, key=lambda each: newest_bytes(listing.get(each, {}))):
            await self._bring_in_step(model, listing.get(model, {}))
        for model in [name for name, known in self._models.items() if not known and name not in listing]:
            del self._models[model]
            self._answered.discard(model)
        self._is_started = True

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Listing]:
        """Nothing else changes until the block ends. Yields the store as it is now. Raises ShuttingDown, OSError."""
        async with self._lock:
            if self._is_closed:
                raise ShuttingDown("the service is going away and changes nothing any more")
            listing = await asyncio.to_thread(self._scan)
            if not self._is_started:
                await self._follow(listing)
            self._listing = listing
            for model in listing:
                self._models.setdefault(model, {})
            yield listing

    def _note(self, listing: Listing) -> None:
        """Every wanted version is in START before the first one loads: readiness must see them all."""
        for model, found in listing.items():
            known = self._models.setdefault(model, {})
            failed: dict[int, float | None] = {}
            for number, record in list(known.items()):
                gone = number not in found
                changed = not gone and found[number].fingerprint != record.found.fingerprint
                if record.state is State.END and (gone or changed or self._is_due(record)):
                    del known[number]
                    failed[number] = record.retry_at
            self._start(model, self._plan(model, found), found)
            for number in failed.keys() & known.keys():
                known[number].retry_at = failed[number]
        for model in self._models.keys() - listing.keys():
            known = self._models[model]
            for number in [n for n, record in known.items() if record.state is State.END]:
                del known[number]

    def _is_due(self, record: Version[S]) -> bool:
        return record.retry_at is not None and self._clock() >= record.retry_at and not self._is_explicit

    async def _bring_in_step(self, model: str, found: dict[int, Found]) -> None:
        known = self._models[model]
        while True:
            labelled = self.wishes_of(model).labels.values()
            # What is labelled comes first: until `stable` can answer, the newest would in its place.
            for record in sorted(known.values(), key=lambda each: (each.number not in labelled, -each.number)):
                if record.state is State.START:
                    await self._bring_up(record)
            next_step = self._plan(model, found)
            if next_step == Plan():
                return
            self._start(model, next_step, found)
            for number in next_step.unload:
                await self._take_down(known.pop(number))

    def _plan(self, model: str, found: dict[int, Found]) -> Plan:
        return Plan() if self._follows_nobody else plan(*self._situation(model, found))

    def _spare(self, model: str) -> tuple[int, ...]:
        """What goes before another version is loaded."""
        if self._preserve == "availability" or self._follows_nobody:
            return ()
        return spare(*self._situation(model, self._listing.get(model, {})))

    @property
    def _follows_nobody(self) -> bool:
        return self._is_explicit and self._is_started

    def _situation(self, model: str, found: dict[int, Found]) -> Situation:
        known = self._models[model]
        found = {number: each for number, each in found.items() if each.settled or number in known}
        states = {number: record.state for number, record in known.items()}
        orders = self.wishes_of(model).orders()
        # What is barred stays so when loading it by hand fails, and nobody has to stand in for it.
        failed = [number for number, state in states.items() if state is State.END and number not in orders.barred]
        return self._policy_of(model), found, states, failed, orders

    def _start(self, model: str, step: Plan, found: dict[int, Found]) -> None:
        for number in step.load:
            self._begin(model, number, found[number])

    def _begin(self, model: str, number: int, found: Found) -> Version[S]:
        record = Version[S](model, number, found)
        self._models[model][number] = record
        self._move(record, State.START)
        return record

    async def bring_up(self, model: str, number: int, found: Found) -> None:
        """Loads a version that is not available. Only while `changing`. Raises ChangeRefused when it fails."""
        record = self._begin(model, number, found)
        await self._bring_up(record)
        if record.state is not State.AVAILABLE:
            raise ChangeRefused(f"version {number} of model {model!r} could not be loaded: {record.reason[:TOLD]}")

    async def replace(self, model: str, number: int, found: Found) -> None:
        """Loads an available version anew; the old copy answers until then, so there are two for a while.

        Only while `changing`. Raises ChangeRefused when it fails, and the old copy stays. Where memory comes first
        the old copy goes once the new one may be loaded.
        """
        began, known = self._clock(), self._models[model]
        old = known[number]
        try:
            told = await self._judge(model, number, found, [Predecessor(number, old.found, old.served)])
            path = await self._fetch(model, number, found.path)
            served = None if self._preserve == "resources" else await self._load(model, number, path)
        except Exception as error:  # as in _bring_up
            reason = f"{error}"[:TOLD] or type(error).__name__
            raise ChangeRefused(f"version {number} of model {model!r} could not be loaded again: {reason}") from error
        if served is None:
            await self.take_down(model, number)
            await self.bring_up(model, number, found)
            return
        known[number] = Version(model, number, found, State.AVAILABLE, served=served)
        self._tell_loaded(known[number], began, told)
        old.state = State.UNLOADING  # told nobody: the version itself stays available
        await self._let_go(old)

    async def take_down(self, model: str, number: int) -> None:
        """Unloads a version once its leases have ended; it is lent to nobody from now on. Only while `changing`."""
        record = self._models[model].pop(number)
        if record.state is State.AVAILABLE:
            await self._take_down(record)

    async def _bring_up(self, record: Version[S]) -> None:
        began = self._clock()
        self._move(record, State.LOADING)
        try:
            before = self._before(record.model, record.number)
            told = await self._judge(record.model, record.number, record.found, before)
            path = await self._fetch(record.model, record.number, record.found.path)
            for number in self._spare(record.model):
                await self.take_down(record.model, number)
            record.served = await self._load(record.model, record.number, path)
        except Exception as error:  # whatever a file can do to a loader, the service stays up
            record.retry_at = self._clock() + RETRY_AFTER if isinstance(error, StoreUnavailable) else None
            self._move(record, State.END, f"{error}" or type(error).__name__)
            return
        self._move(record, State.AVAILABLE)
        self._tell_loaded(record, began, told)

    def _tell_loaded(self, record: Version[S], began: float, told: Sequence[Event]) -> None:
        self._emit(VersionLoaded(record.model, record.number, self._clock() - began))
        for event in told:
            self._emit(event)

    def _before(self, model: str, number: int) -> list[Predecessor[S]]:
        """What it comes after; not what failed here, nor what the policy would never load."""
        known, policy = self._models[model], self._policy_of(model)
        up = {n: each for n, each in known.items() if each.state is State.AVAILABLE}
        answering = {n: Predecessor(n, each.found, each.served) for n, each in up.items()}
        failed = {n for n, each in known.items() if each.state is State.END}
        found = self._listing.get(model, {}).items()
        on_disk = {n: each for n, each in found if each.settled and policy.admits(n) and n not in failed}
        return predecessors(number, answering, on_disk)

    async def _take_down(self, record: Version[S]) -> None:
        self._move(record, State.UNLOADING)
        await self._let_go(record)
        self._move(record, State.END)

    async def _let_go(self, record: Version[S]) -> None:
        if record.leases:
            await record.idle.wait()
        served, record.served = record.served, None
        if served is not None:
            await self._unload(served)

    def _move(self, record: Version[S], state: State, reason: str = "") -> None:
        record.state, record.reason = state, reason
        if state is State.AVAILABLE:
            self._answered.add(record.model)
        self._emit(VersionStateChanged(record.model, record.number, state, reason))

    async def close(self) -> None:
        """Takes every version down once its leases have ended."""
        async with self._lock:
            self._is_closed = True
            for model, known in self._models.items():
                for number in [n for n, record in known.items() if record.state is State.AVAILABLE]:
                    await self._take_down(self._models[model].pop(number))
