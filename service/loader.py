"""Loads and unloads versions on a thread of its own, and starts and ends their batching."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from service.batching.batcher import Batcher
from service.batching.latency import Latency
from service.batching.places import Place
from service.batching.policy import BatchPolicy
from service.batching.tuning import FIRST
from service.batching.turns import Turns
from service.codec.nested_json import ModelCodec
from service.events import Emit
from service.inference import Served
from service.machine import Machine
from service.observability.metrics import Load as Loaded
from service.placing import Largest, Placer, Placing
from service.preparation import GOLDEN_TOLERANCE, Preparable, Prepared, measured, prepare, replay, warm_sizes
from service.runtime.placement import Precision
from service.runtime.warmup import LENGTHS
from service.settings import Settings

T = TypeVar("T")
NativeServed = Served[ModelCodec]


class Loader:
    """Loads and unloads versions, one at a time, on a thread of its own."""

    def __init__(self, settings: Settings, emit: Emit, machine: Machine) -> None:
        self._settings = settings
        self._emit = emit
        self._placer = Placer(machine)
        self._thread = ThreadPoolExecutor(1, "loader")
        slots = settings.runtime.max_concurrent_batches
        self._slots = (os.cpu_count() or 1) if slots == "auto" else slots
        self._turns: dict[str, Turns] = {}
        """By device: a batch on one waits for none on another."""
        self._running: dict[int, tuple[NativeServed, Preparable, Batcher, Placing]] = {}

    async def load(self, model: str, version: int, folder: Path) -> NativeServed:
        """Raises InvalidArtifact, PlacementRefused and whatever else a file can do to a loader."""
        placing = Placing(
            self._placer, model, version, self._settings.runtime_of(model), largest(self._settings, model)
        )
        try:
            return await self._load(model, version, folder, placing)
        except BaseException:
            self._placer.release(placing)
            raise

    async def _load(self, model: str, version: int, folder: Path, placing: Placing) -> NativeServed:
        runtime, policy = self._settings.runtime_of(model), policy_of(self._settings, model)
        warm_rows = warm_sizes(policy) if runtime.warmup else ()
        prepared = await self._in_thread(
            lambda: prepare(model, folder, placing.load, warm_rows, policy.max_queue_size, runtime.precision)
        )
        await self._in_thread(lambda: check_replicas(prepared, placing.replicas[1:], runtime.precision))
        latency = await self._in_thread(lambda: measured(prepared, policy)) if runtime.warmup else Latency()
        await self._in_thread(placing.measure)
        await self._in_thread(settle_memory)
        servable, places = prepared.servable, self._places(placing)
        policy = replace(policy, instances=len(places) * runtime.instances)
        batcher = Batcher(model, version, servable, policy, self._emit, latency=latency, replicas=places)
        manifest, evidence = prepared.artifact.manifest, prepared.evidence
        served = Served(model, version, prepared.signature, manifest, evidence, prepared.codec, batcher)
        served = replace(served, placement=placing.describe())
        self._running[id(served)] = (served, servable, batcher, placing)
        return served

    def _places(self, placing: Placing) -> list[Place]:
        turns = [self._turns.setdefault(device, Turns(self._slots)) for device in placing.devices]
        return [Place(*each) for each in zip(placing.replicas, turns, placing.devices, strict=True)]

    async def unload(self, served: NativeServed) -> None:
        """Answers what is queued, then lets go of the model."""
        _, servable, batcher, placing = self._running.pop(id(served))
        await batcher.close(self._settings.limits.drain_timeout)
        servable.close()
        self._placer.release(placing)
        await self._in_thread(settle_memory)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def loads(self) -> list[Loaded]:
        """What each loaded version is doing, for the metrics. While one is loaded anew, the newer of the two counts."""
        newest = {(each[0].model, each[0].version): each for each in self._running.values()}
        return [
            Loaded(
                model=served.model,
                version=served.version,
                pending_rows=batcher.pending_rows,
                retraces=servable.retraces,
                max_batch_size=batcher.tuner.sizes,
                max_queue_delay=batcher.tuner.max_queue_delay,
                predicted_wait=batcher.forecast(()).wait,
                memory_bytes=placing.bytes_by_device,
            )
            for served, servable, batcher, placing in newest.values()
        ]

    def memory(self) -> dict[str, int]:
        """Bytes that models take, by device."""
        return self._placer.in_use()

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def settle_memory() -> None:
    """Frees what loading left behind; the rest lives long, so later collections need not walk it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
