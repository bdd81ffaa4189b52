"""Loads and unloads versions on a thread of its own, and starts and ends their batching."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from service.batching.batcher import Batcher
from service.batching.latency import Latency
from service.batching.policy import BatchPolicy
from service.batching.turns import Turns
from service.codec.nested_json import ModelCodec
from service.events import Emit
from service.inference import Served
from service.observability.metrics import Load as Loaded
from service.preparation import (
    Load,
    Preparable,
    import_modules,
    load_graph,
    measured,
    of_signature,
    prepare,
    warm_sizes,
)
from service.settings import Settings

T = TypeVar("T")
NativeServed = Served[ModelCodec]


class Loader:
    """Loads and unloads versions, one at a time, on a thread of its own."""

    def __init__(self, settings: Settings, emit: Emit, load_graph: Load = load_graph) -> None:
        self._settings = settings
        self._emit = emit
        self._load_graph = load_graph
        self._thread = ThreadPoolExecutor(1, "loader")
        slots = settings.runtime.max_concurrent_batches
        self._turns = Turns((os.cpu_count() or 1) if slots == "auto" else slots)
        self._running: dict[int, tuple[NativeServed, Preparable, Batcher]] = {}

    async def load(self, model: str, version: int, folder: Path) -> NativeServed:
        """Raises InvalidArtifact and whatever else a file can do to a loader."""
        runtime, policy = self._settings.runtime_of(model), policy_of(self._settings, model)
        warm_rows = warm_sizes(policy) if runtime.warmup else ()
        load = of_signature(self._load_graph, runtime.signature)
        await self._in_thread(lambda: import_modules(runtime.modules))
        prepared = await self._in_thread(lambda: prepare(model, folder, load, warm_rows, policy.max_queue_size))
        latency = await self._in_thread(lambda: measured(prepared, policy)) if runtime.warmup else Latency()
        await self._in_thread(settle_memory)
        servable = prepared.servable
        batcher = Batcher(model, version, servable, policy, self._emit, self._turns, latency)
        manifest, evidence = prepared.artifact.manifest, prepared.evidence
        served = Served(model, version, prepared.signature, manifest, evidence, prepared.codec, batcher)
        self._running[id(served)] = (served, servable, batcher)
        return served

    async def unload(self, served: NativeServed) -> None:
        """Answers what is queued, then lets go of the model."""
        _, servable, batcher = self._running.pop(id(served))
        await batcher.close(self._settings.limits.drain_timeout)
        servable.close()
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
            )
            for served, servable, batcher in newest.values()
        ]

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def settle_memory() -> None:
    """Frees what loading left behind; the rest lives long, so later collections need not walk it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
