"""The versions that are loaded, that come or go, and what people want of them: lends them out, and tells of them.

Moves none of them: that is the manager's part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from service.errors import ModelNotFound, ModelNotReady
from service.store.scanner import Found, Listing
from service.store.versions import State
from service.store.wishes import STABLE, Shadowing, Wishes

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
    retry_at: float | None = None
    """Set once the store could not bring its files: nobody waits for it any more, but it is tried again then."""
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
    """`version` is the one that answers when none is named; None while none can. `on_disk`: loaded or not.

    `shadow` may wait for its version.
    """

    name: str
    version: int | None
    versions: tuple[VersionStatus, ...]
    labels: tuple[tuple[str, int], ...]
    on_disk: tuple[int, ...]
    shadow: Shadowing | None = None

    @property
    def state(self) -> str:
        """The state of the answering version, else of the newest; END while none is loaded that could be.

        `ABSENT` for a model without any.
        """
        if self.version is not None:
            return State.AVAILABLE
        if self.versions:
            return self.versions[-1].state
        return State.END if self.on_disk else "ABSENT"


class Shelf(Generic[S]):
    """What takes a model's name raises ModelNotFound for one that is not there, unless it says otherwise."""

    def __init__(
        self, labels_of: Callable[[str], Mapping[str, int]], shadow_of: Callable[[str], Shadowing | None]
    ) -> None:
        """Those of the configuration, for a model that nobody has decided about yet."""
        self._labels_of = labels_of
        self._shadow_of = shadow_of
        self._models: dict[str, dict[int, Version[S]]] = {}
        self._wishes: dict[str, Wishes] = {}
        self._listing: Listing = {}
        self._answered: set[str] = set()
        """Models that could answer once, and are no reason to take the others away from their callers."""

    @contextmanager
    def lease(self, model: str, version: int | str | None = None) -> Iterator[S]:
        """Lends the version of that number or label, or the default one, which stays loaded until the block ends.

        Raises ModelNotFound, ModelNotReady.
        """
        number = self._labelled(model, version) if isinstance(version, str) else version
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
        known = self.versions_of(model)
        if number is None:
            number = self.default_of(model)
        if number is None:
            raise ModelNotReady(f"model {model!r} has no version that can answer yet{self._why(model, known)}")
        record = known.get(number)
        if record is None:
            loaded = ", ".join(str(n) for n in sorted(known)) or "none"
            raise ModelNotFound(f"model {model!r} has no version {number}; known versions: {loaded}")
        if record.state is not State.AVAILABLE:
            why = self._why(model, {number: record})
            raise ModelNotReady(f"version {number} of model {model!r} is {record.state}{why}")
        return record

    def _labelled(self, model: str, label: str) -> int:
        """The version that the label points to, available. Raises ModelNotFound, ModelNotReady."""
        known, labels = self.versions_of(model), self.wishes_of(model).labels
        number = labels.get(label)
        if number is None:
            names = ", ".join(sorted(labels)) or "none"
            raise ModelNotFound(f"model {model!r} has no label {label[:SHOWN]!r}; known labels: {names}")
        record = known.get(number)
        if record is None or record.state is not State.AVAILABLE:
            state = "not loaded" if record is None else record.state
            raise ModelNotReady(f"the label {label!r} of model {model!r} waits for version {number}, which is {state}")
        return number

    def _why(self, model: str, known: dict[int, Version[S]]) -> str:
        if not known:
            return ": none is loaded" if self._listing.get(model) else ": the store has none"
        newest = known[max(known)]
        return f": version {newest.number} is {newest.state}" + (f" ({newest.reason[:SHOWN]})" if newest.reason else "")

    def default_of(self, model: str) -> int | None:
        """What answers who names no version: `stable` where it is set and available, else the highest available.

        A shadow is heard by nobody, whoever is away.
        """
        available = {n for n, record in self._models[model].items() if record.state is State.AVAILABLE}
        wishes = self.wishes_of(model)
        stable = wishes.labels.get(STABLE)
        shadow = set() if wishes.shadow is None else {wishes.shadow.version}
        return stable if stable in available else max(available - shadow, default=None)

    def versions_of(self, model: str) -> dict[int, Version[S]]:
        """The versions that are loaded, come, go or failed. Raises ModelNotFound."""
        known = self._models.get(model)
        if known is None:
            names = ", ".join(sorted(self._models)) or "none"
            raise ModelNotFound(f"no model {model[:SHOWN]!r}; known models: {names}")
        return known

    def wishes_of(self, model: str) -> Wishes:
        """Kept as long as the process lives, even while the model is gone from the store."""
        wishes = self._wishes.get(model)
        if wishes is None:
            wishes = self._wishes[model] = Wishes(dict(self._labels_of(model)), shadow=self._shadow_of(model))
        return wishes

    def labels_at(self, model: str, number: int) -> list[str]:
        """The labels that point to the version."""
        return self.wishes_of(model).labels_at(number)

    def is_available(self, model: str, number: int) -> bool:
        """Whether the version can answer. A model that is not there has none that could."""
        record = self._models.get(model, {}).get(number)
        return record is not None and record.state is State.AVAILABLE

    def _records(self) -> Iterator[Version[S]]:
        for known in self._models.values():
            yield from known.values()

    def is_known(self, model: str) -> bool:
        """Whether the store has a model of that name, available or not."""
        return model in self._models

    def statuses(self) -> tuple[ModelStatus, ...]:
        """Every model of the store, by name."""
        return tuple(self.status_of(model) for model in sorted(self._models))

    def status_of(self, model: str) -> ModelStatus:
        """Raises ModelNotFound."""
        records = sorted(self.versions_of(model).values(), key=lambda record: record.number)
        shown = tuple(VersionStatus(record.number, record.state, record.reason) for record in records)
        labels = tuple(sorted(self.wishes_of(model).labels.items()))
        # What may still be written is not there yet: it comes by itself.
        whole = sorted(number for number, found in self._listing.get(model, {}).items() if found.settled)
        shadow = self.wishes_of(model).shadow
        return ModelStatus(model, self.default_of(model), shown, labels, tuple(whole), shadow)

    def folders(self) -> set[Path]:
        """Those of the versions that are loaded, or come or go."""
        return {record.found.path for record in self._records() if record.state is not State.END}

    @property
    def is_ready(self) -> bool:
        """Whether every model that has a version can answer or could once, and at least one can.

        A model that answers stays ready while its next version warms up, and a version that failed is no reason
        to take the others away from their callers.
        """
        first = (record for record in self._records() if record.retry_at is None)
        coming = {record.model for record in first if record.state in (State.START, State.LOADING)}
        answering = {record.model for record in self._records() if record.state is State.AVAILABLE}
        return bool(answering) and coming <= answering | self._answered

    def available(self) -> tuple[S, ...]:
        """The default version of every model that can answer, by name."""
        defaults = ((model, self.default_of(model)) for model in sorted(self._models))
        records = (self._models[model][number] for model, number in defaults if number is not None)
        return tuple(record.served for record in records if record.served is not None)
