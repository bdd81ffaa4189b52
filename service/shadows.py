"""The shadows of all models: each begins and ends as the wishes and what is loaded say. Knows no HTTP.

It learns of every change by its event, and looks anew each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from service.errors import ModelNotFound
from service.events import BatchRan, ChangeAsked, Emit, Event, ShadowChanged, VersionLoaded, VersionStateChanged
from service.inference import Mirror, Served
from service.shadow import Pair, Shadow, ShadowReport
from service.store.manager import StoreManager
from service.store.shelf import SHOWN

C = TypeVar("C")


class Shadows(Generic[C]):
    """At most one for each model. `mirrors` has those that run, by model; the last of each can be looked at after."""

    def __init__(
        self,
        manager: StoreManager[Served[C]],
        emit: Emit,
        chance: Callable[[], float],
        reading_time: Callable[[Served[C]], float],
        is_late: Callable[[], bool],
        timeout: float,
    ) -> None:
        """`timeout`: seconds that a candidate's answer may take; the others are as for Shadow."""
        self.mirrors: dict[str, Mirror[C]] = {}
        self._manager = manager
        self._emit = emit
        self._chance = chance
        self._reading_time = reading_time
        self._is_late = is_late
        self._timeout = timeout
        self._running: dict[str, Shadow[C]] = {}
        self._last: dict[str, Shadow[C]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Shadows {list(self._running.values())}>"

    def __call__(self, event: Event) -> None:
        """Something happened."""
        match event:
            case BatchRan() if self._running:
                for shadow in self._running.values():
                    shadow.ran(event)
            case VersionLoaded(model, version):
                running = self._running.get(model)
                if running is not None and version in (running.pair.answering, running.pair.candidate):
                    self._end(running, f"version {version} was loaded anew")
                self._end_if_over(model)
                self._begin_if_wanted(model)
            case VersionStateChanged(model):  # one that is available now is loaded in a moment
                self._end_if_over(model)
            case ChangeAsked(_, model):
                self._end_if_over(model)
                self._begin_if_wanted(model)

    def _end_if_over(self, model: str) -> None:
        running = self._running.get(model)
        if running is not None and (reason := self._why_over(running.pair)):
            self._end(running, reason)

    def _why_over(self, pair: Pair) -> str:
        """Empty while it goes on."""
        model, wanted = pair.model, self._manager.wishes_of(pair.model).shadow
        default = self._manager.default_of(model) if self._manager.is_known(model) else None
        if default == pair.candidate:
            return f"version {pair.candidate} answers now"
        if wanted is None:
            return "it was dropped"
        if not self._manager.is_available(model, pair.candidate):
            return f"version {pair.candidate} is not available any more"
        if default != pair.answering:
            return f"version {pair.answering} does not answer any more, but {default or 'none'}"
        return ""

    def _begin_if_wanted(self, model: str) -> None:
        if model in self._running or not self._manager.is_known(model):
            return
        wanted, default = self._manager.wishes_of(model).shadow, self._manager.default_of(model)
        if wanted is None or default is None or default == wanted.version:
            return
        if not self._manager.is_available(model, wanted.version):
            return
        pair = Pair(model, default, wanted.version, wanted.share)
        lease = self._manager.lease
        shadow = Shadow(pair, lease, self._emit, self._chance, self._reading_time, self._is_late, self._timeout)
        self._running[model] = self._last[model] = self.mirrors[model] = shadow
        self._emit(ShadowChanged(model, pair.candidate, pair.answering))

    def _end(self, shadow: Shadow[C], reason: str) -> None:
        pair = shadow.pair
        del self._running[pair.model], self.mirrors[pair.model]
        self._manager.wishes_of(pair.model).shadow = None
        task = shadow.end(reason)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        self._emit(ShadowChanged(pair.model, pair.candidate, pair.answering, reason))

    def report(self, model: str) -> ShadowReport:
        """Of the shadow that runs, else of the last. Raises ModelNotFound, also where there was none."""
        self._manager.versions_of(model)
        shadow = self._last.get(model)
        if shadow is not None:
            return shadow.report()
        wanted = self._manager.wishes_of(model).shadow
        why = f": it waits until version {wanted.version} and another one are available" if wanted is not None else ""
        raise ModelNotFound(f"model {model[:SHOWN]!r} has had no shadow yet{why}")

    def running(self) -> list[ShadowReport]:
        """Of the shadows that run, for the metrics."""
        return [shadow.report() for shadow in self._running.values()]

    async def close(self) -> None:
        """Ends all of them, and waits until they are over."""
        for shadow in list(self._running.values()):
            self._end(shadow, "the service is going away")
        if self._ending:
            await asyncio.wait(self._ending)
