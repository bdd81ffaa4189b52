"""Loads and unloads versions on a thread of its own, and starts and ends their batching.

Before a version is available, its golden examples take the way of a request: whatever is slow the first time is over.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from models.signature import Signature
from service.api.decoding import Decoder
from service.batching.batcher import Batcher
from service.batching.latency import Latency
from service.batching.places import Place
from service.batching.policy import BatchPolicy
from service.batching.tuning import FIRST
from service.batching.turns import Turns
from service.codec.nested_json import ModelCodec
from service.events import Emit, VersionPrepared
from service.inference import Served
from service.loading.cache import Cache
from service.loading.machine import Machine
from service.loading.memory import Available, available
from service.loading.placing import Largest, Placer, Placing
from service.loading.preparation import (
    GOLDEN_TOLERANCE,
    Preparable,
    Prepared,
    examples,
    import_modules,
    measured,
    prepare,
    replay,
    try_out,
    warm_sizes,
)
from service.loading.rehearsal import Muted, rehearse
from service.observability.metrics import Load as Loaded
from service.progress import Loads, Progress
from service.runtime.placement import Precision
from service.runtime.warmup import LENGTHS
from service.settings import Settings
from service.shadow import ROWS_OF_REQUEST

T = TypeVar("T")
NativeServed = Served[ModelCodec]


@dataclass(frozen=True)
class Running:
    """What a version is made of that was loaded."""

    served: NativeServed
    servable: Preparable
    batcher: Batcher
    aside: Batcher
    """For rows that nobody waits for."""
    placing: Placing


class Loader:
    """Loads and unloads versions, one at a time, on a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        emit: Emit,
        machine: Machine,
        decoder: Decoder | None = None,
        available: Available = available,
    ) -> None:
        """`decoder` is what reads the bodies of requests, to be rehearsed with; `available`: bytes of memory that may
        be taken, at the time."""
        self._settings = settings
        self._emit = emit
        self._placer = Placer(machine)
        self._decoder = decoder or Decoder()
        self._available = available
        self._cache = Cache(settings.runtime.cache_folder)
        self._thread = ThreadPoolExecutor(1, "loader")
        slots = settings.runtime.max_concurrent_batches
        self._slots = (os.cpu_count() or 1) if slots == "auto" else slots
        self._turns: dict[str, Turns] = {}
        """By device: a batch on one waits for none on another."""
        self._running: dict[int, Running] = {}
        self._progress: dict[tuple[str, int], Progress] = {}

    async def load(self, model: str, version: int, folder: Path) -> NativeServed:
        """Raises InvalidArtifact, PlacementRefused and whatever else a file can do to a loader."""
        progress = self._progress[model, version] = Progress()
        runtime = self._settings.runtime_of(model)
        placing = Placing(self._placer, model, version, runtime, largest(self._settings, model))
        try:
            return await self._load(model, version, folder, placing, progress)
        except BaseException:
            for replica in placing.replicas:
                replica.close()
            self._placer.release(placing)
            raise
        finally:
            del self._progress[model, version]

    async def _load(self, model: str, version: int, folder: Path, placing: Placing, progress: Progress) -> NativeServed:
        runtime, policy = self._settings.runtime_of(model), policy_of(self._settings, model)
        prepared = await self.in_thread(lambda: self._prepare(model, folder, placing, progress))
        progress.enter("measuring")
        latency = await self.in_thread(lambda: measured(prepared, policy)) if runtime.warmup else Latency()
        await self.in_thread(placing.measure)
        await self.in_thread(settle_new)
        servable, places, emit = prepared.servable, self._places(placing), Muted(self._emit)
        policy = replace(policy, instances=len(places) * runtime.instances)
        batcher = Batcher(model, version, servable, policy, emit, latency=latency, replicas=places)
        manifest, evidence = prepared.artifact.manifest, prepared.evidence
        # Of the first replica alone: one of them is idle often enough.
        alone = Place(places[0].runner, Turns(1), places[0].device)
        aside = Batcher(model, version, servable, beside(policy), emit, latency=latency, replicas=[alone])
        served = Served(model, version, prepared.signature, manifest, evidence, prepared.codec, batcher, aside)
        if runtime.warmup:
            progress.enter("rehearsing")
            bodies = await self.in_thread(lambda: examples(prepared))
            await rehearse(served, bodies, self._settings.limits, self._decoder)
        emit.is_muted = False
        progress.end()
        served = replace(served, load=report(prepared, progress), placement=placing.describe())
        cached = tuple(sorted(prepared.warm_start.found))
        self._emit(VersionPrepared(model, version, progress.seconds, cached, placing.devices))
        self._running[id(served)] = Running(served, servable, batcher, aside, placing)
        return served

    def _prepare(self, model: str, folder: Path, placing: Placing, progress: Progress) -> Prepared:
        runtime, policy = self._settings.runtime_of(model), policy_of(self._settings, model)
        import_modules(runtime.modules)
        prepared = prepare(
            model,
            folder,
            placing.load,
            warm_sizes(policy) if runtime.warmup else (),
            policy.max_queue_size,
            runtime.precision,
            available=self._available,
            cache=self._cache,
            progress=progress,
        )
        check_replicas(prepared, placing.replicas[1:], runtime.precision)
        return prepared

    def _places(self, placing: Placing) -> list[Place]:
        turns = [self._turns.setdefault(device, Turns(self._slots)) for device in placing.devices]
        return [Place(*each) for each in zip(placing.replicas, turns, placing.devices, strict=True)]

    async def unload(self, served: NativeServed) -> None:
        """Answers what is queued, then lets go of the model."""
        running, timeout = self._running.pop(id(served)), self._settings.limits.drain_timeout
        await asyncio.gather(running.batcher.close(timeout), running.aside.close(timeout))
        running.servable.close()
        self._placer.release(running.placing)
        await self.in_thread(settle_all)

    def try_out(self, model: str, folder: Path) -> Signature:
        """As in preparation: whether the version could be loaded. Blocks; to be run `in_thread`."""
        runtime = self._settings.runtime_of(model)
        import_modules(runtime.modules)
        return try_out(model, folder, partial(self._placer.load_on_host, signature=runtime.signature), self._available)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """After what is being loaded, and before what will be."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def progress(self) -> Loads:
        """How far each version is that loads now."""
        return self._progress

    def loads(self) -> list[Loaded]:
        """What each loaded version is doing, for the metrics. While one is loaded anew, the newer of the two counts."""
        newest = {(each.served.model, each.served.version): each for each in self._running.values()}
        return [
            Loaded(
                model=model,
                version=version,
                pending_rows=each.batcher.pending_rows,
                retraces=each.servable.retraces,
                max_batch_size=each.batcher.tuner.sizes,
                max_queue_delay=each.batcher.tuner.max_queue_delay,
                predicted_wait=each.batcher.forecast(()).wait,
                memory_bytes=each.placing.bytes_by_device,
            )
            for (model, version), each in newest.items()
        ]

    def memory(self) -> dict[str, int]:
        """Bytes that models take, by device."""
        return self._placer.in_use()

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def report(prepared: Prepared, progress: Progress) -> dict[str, Any]:
    """How a version was loaded, for people: seconds by stage, and what came from the cache."""
    found, was_tried = prepared.warm_start.found, "padding trial" in progress.seconds
    return {
        "padding": "cached" if "padding" in found else "tried" if was_tried else "not tried",
        "latencies": "cached" if "latencies" in found else "measured" if was_tried else "not measured",
        "seconds": {stage: round(seconds, 3) for stage, seconds in progress.seconds.items()},
    }


def settle_new() -> None:
    """Frees what loading left behind; the rest lives long, so later collections need not walk it."""
    gc.collect()
    gc.freeze()


def settle_all() -> None:
    """Frees what has gone, of whatever age: that walks over everything."""
    gc.unfreeze()
    settle_new()
    give_back()


def give_back() -> None:
    """Hands memory that was freed back to the system, where the C library is glibc: it would keep some for each thread
    that there ever was, and each version has threads of its own."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def check_replicas(prepared: Prepared, others: Sequence[Preparable], precision: Precision) -> None:
    """The golden examples on every other replica. Raises InvalidArtifact for one that answers otherwise."""
    for replica in others:
        replay(replace(prepared, servable=replica), GOLDEN_TOLERANCE[precision])


def largest(settings: Settings, model: str) -> Largest:
    """Of the batches that its placement counts with; `auto` begins there, and is measured where that can be."""
    batching = settings.batching_of(model)
    rows = FIRST if batching.max_batch_size == "auto" else batching.max_batch_size
    return Largest(rows, max(batching.buckets, default=LENGTHS[-1]))


def policy_of(settings: Settings, model: str) -> BatchPolicy:
    batching, runtime = settings.batching_of(model), settings.runtime_of(model)
    return BatchPolicy(
        max_batch_size=batching.max_batch_size,
        max_queue_delay=batching.max_queue_delay,
        max_queue_size=batching.max_queue_size,
        latency_target=batching.latency_target or settings.limits.default_timeout / 2,
        instances=runtime.instances,
        buckets=batching.buckets,
    )


def beside(policy: BatchPolicy) -> BatchPolicy:
    """For rows that nobody waits for: one batch at a time, at once."""
    size = max(policy.max_queue_size, ROWS_OF_REQUEST)
    return replace(policy, instances=1, max_queue_delay=0.0, max_queue_size=size)
