"""What an operator may ask for: load, unload, labels, rollback, shadows. One at a time, each whole or not at all.

Nobody who is being answered notices: what takes over is loaded before it does, and what goes waits for its leases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from service.errors import ChangeRefused, ModelNotFound
from service.store.manager import StoreManager
from service.store.scanner import Found
from service.store.shelf import SHOWN, ModelStatus
from service.store.wishes import STABLE, Shadowing

S = TypeVar("S")

OnDisk = dict[int, Found]
"""The versions of one model that the store has."""


class Control(Generic[S]):
    """Every change is made to its end, even when who asked for it has gone, and answers with the model's status.

    All raise ModelNotFound, ChangeRefused, ShuttingDown.
    """

    def __init__(self, manager: StoreManager[S]) -> None:
        self._manager = manager
        self._changes: set[asyncio.Task[ModelStatus]] = set()

    def __repr__(self) -> str:
        return f"<Control [{len(self._changes)} changes]>"

    async def load(self, model: str, number: int) -> ModelStatus:
        """Loads the version and keeps it, whatever the policy says."""
        return await self._change(model, lambda on_disk: self._load(model, number, on_disk))

    async def unload(self, model: str, number: int, force: bool = False) -> ModelStatus:
        """Unloads the version once its leases have ended, and keeps the policy from loading it again.

        Refused for the last one that can answer, and for one that a label points to, unless it is forced.
        """
        return await self._change(model, lambda on_disk: self._unload(model, number, force, on_disk))

    async def reload(self, model: str, number: int) -> ModelStatus:
        """Loads the version from its files as they are now; the old copy answers until then."""
        return await self._change(model, lambda on_disk: self._reload(model, number, on_disk))

    async def set_label(self, model: str, label: str, number: int) -> ModelStatus:
        """Points the label to a version that is available."""
        return await self._change(model, lambda on_disk: self._set_label(model, label, number))

    async def remove_label(self, model: str, label: str) -> ModelStatus:
        """The version that it pointed to is the policy's again."""
        return await self._change(model, lambda on_disk: self._remove_label(model, label))

    async def roll_back(self, model: str) -> ModelStatus:
        """Points `stable` to the highest version below the default that is available, or that can be made so."""
        return await self._change(model, lambda on_disk: self._roll_back(model, on_disk))

    async def start_shadow(self, model: str, number: int, share: float) -> ModelStatus:
        """Lets an available version that is not the default answer a share of the requests too, to be compared."""
        return await self._change(model, lambda on_disk: self._start_shadow(model, Shadowing(number, share)))

    async def promote(self, model: str) -> ModelStatus:
        """Points `stable` to the version that is the shadow, which then is one no more."""
        return await self._change(model, lambda on_disk: self._promote(model))

    async def drop_shadow(self, model: str) -> ModelStatus:
        """The version that was the shadow is the policy's again."""
        return await self._change(model, lambda on_disk: self._drop_shadow(model))

    async def _change(self, model: str, work: Callable[[OnDisk], Awaitable[None]]) -> ModelStatus:
        change = asyncio.ensure_future(self._alone(model, work))
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        return await asyncio.shield(change)

    async def _alone(self, model: str, work: Callable[[OnDisk], Awaitable[None]]) -> ModelStatus:
        try:
            async with self._manager.changing() as listing:
                self._manager.versions_of(model)
                await work(listing.get(model, {}))
                return self._manager.status_of(model)
        except OSError as error:
            raise ChangeRefused(f"the store cannot be read: {error}") from error

    def _is_available(self, model: str, number: int) -> bool:
        return self._manager.is_available(model, number)

    async def _load(self, model: str, number: int, on_disk: OnDisk) -> None:
        if not self._is_available(model, number):
            await self._manager.bring_up(model, number, whole(model, number, on_disk))
        self._manager.wishes_of(model).hold(number)

    async def _unload(self, model: str, number: int, force: bool, on_disk: OnDisk) -> None:
        known, wishes = self._manager.versions_of(model), self._manager.wishes_of(model)
        if number not in known and number not in on_disk:
            raise nowhere(model, number, on_disk)
        if self._is_available(model, number) and not force:
            self._refuse_to_lose(model, number)
        wishes.bar(number)
        if number in known:
            await self._manager.take_down(model, number)

    def _refuse_to_lose(self, model: str, number: int) -> None:
        """Raises ChangeRefused where callers would miss the version."""
        forced = "?force=true unloads it all the same"
        labels = self._manager.labels_at(model, number)
        if labels:
            names = ", ".join(labels)
            raise ChangeRefused(f"version {number} of model {model!r} is labelled {names}: move that first; {forced}")
        shadow = self._manager.wishes_of(model).shadow
        if shadow is not None and shadow.version == number:
            raise ChangeRefused(f"version {number} of model {model!r} is its shadow: drop that first; {forced}")
        others = (each for each in self._manager.versions_of(model) if each != number)
        if not any(self._is_available(model, each) for each in others):
            raise ChangeRefused(f"version {number} is the last of model {model!r} that can answer; {forced}")

    async def _reload(self, model: str, number: int, on_disk: OnDisk) -> None:
        found = whole(model, number, on_disk)
        if self._is_available(model, number):
            await self._manager.replace(model, number, found)
        else:
            await self._load(model, number, on_disk)

    async def _set_label(self, model: str, label: str, number: int) -> None:
        self._refuse_absent(model, number, "a label")
        self._manager.wishes_of(model).labels[label] = number

    def _refuse_absent(self, model: str, number: int, what: str) -> None:
        """Raises ChangeRefused for a version that cannot answer now."""
        if not self._is_available(model, number):
            record = self._manager.versions_of(model).get(number)
            state = "not loaded" if record is None else record.state
            raise ChangeRefused(f"version {number} of model {model!r} is {state}: {what} takes an AVAILABLE one")

    async def _remove_label(self, model: str, label: str) -> None:
        labels = self._manager.wishes_of(model).labels
        if label not in labels:
            names = ", ".join(sorted(labels)) or "none"
            raise ModelNotFound(f"model {model!r} has no label {label[:SHOWN]!r}; known labels: {names}")
        del labels[label]

    async def _start_shadow(self, model: str, wanted: Shadowing) -> None:
        wishes, default = self._manager.wishes_of(model), self._manager.default_of(model)
        if wishes.shadow is not None:
            told = f"version {wishes.shadow.version} is the shadow of model {model!r} already"
            raise ChangeRefused(f"{told}: promote or drop it first")
        self._refuse_absent(model, wanted.version, "a shadow")
        if wanted.version == default:
            raise ChangeRefused(f"version {default} of model {model!r} is the one that answers, so no shadow of it")
        wishes.shadow = wanted

    async def _promote(self, model: str) -> None:
        candidate = self._shadow_of(model, "promote").version
        await self._set_label(model, STABLE, candidate)
        self._manager.wishes_of(model).shadow = None

    async def _drop_shadow(self, model: str) -> None:
        self._shadow_of(model, "drop")
        self._manager.wishes_of(model).shadow = None

    def _shadow_of(self, model: str, action: str) -> Shadowing:
        """Raises ChangeRefused."""
        shadow = self._manager.wishes_of(model).shadow
        if shadow is None:
            raise ChangeRefused(f"model {model!r} has no shadow to {action}")
        return shadow

    async def _roll_back(self, model: str, on_disk: OnDisk) -> None:
        default = self._manager.default_of(model)
        if default is None:
            raise ChangeRefused(f"no version of model {model!r} answers: there is nothing to go back from")
        lower = [number for number in self._manager.versions_of(model) if number < default]
        target = max((number for number in lower if self._is_available(model, number)), default=None)
        if target is None:
            target = self._next_below(model, default, on_disk)
            await self._manager.bring_up(model, target, on_disk[target])
        self._manager.wishes_of(model).labels[STABLE] = target

    def _next_below(self, model: str, default: int, on_disk: OnDisk) -> int:
        """Versions that failed, that were unloaded by hand or that are not whole yet are passed over."""
        passed_over = self._manager.versions_of(model).keys() | self._manager.wishes_of(model).barred
        below = [n for n, found in on_disk.items() if n < default and n not in passed_over and found.settled]
        if not below:
            raise ChangeRefused(f"model {model!r} has no version below {default} to go back to")
        return max(below)


def whole(model: str, number: int, on_disk: OnDisk) -> Found:
    """Raises ModelNotFound, and ChangeRefused for a version that may still be written."""
    found = on_disk.get(number)
    if found is None:
        raise nowhere(model, number, on_disk)
    if not found.settled:
        raise ChangeRefused(f"version {number} of model {model!r} may still be written: its files are too new")
    return found


def nowhere(model: str, number: int, on_disk: OnDisk) -> ModelNotFound:
    names = ", ".join(str(each) for each in sorted(on_disk)) or "none"
    return ModelNotFound(f"the store has no version {number} of model {model!r}; it has {names}")
