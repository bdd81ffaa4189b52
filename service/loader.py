"""From a version's folder to something that answers: read, load, replay the golden examples, warm up, start batching.

TensorFlow is imported on the first load, so that the service can listen before that.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact, InvalidArtifact, open_artifact
from models.signature import Signature
from service.batching.batcher import Batcher
from service.batching.padding import stack
from service.batching.policy import BatchPolicy
from service.codec.nested_json import ModelCodec, Row
from service.errors import InvalidInput
from service.events import Emit
from service.inference import Outputs, Served
from service.runtime.servable import Servable
from service.settings import Batching, Runtime, Settings

T = TypeVar("T")
NativeServed = Served[ModelCodec]


class Preparable(Servable, Protocol):
    """A servable that can be warmed up, and counts what it had to trace afterwards."""

    def warm_up(self, rows: Iterable[int]) -> None:
        """Runs every head set at each of these numbers of rows. Raises what the model raises."""

    @property
    def retraces(self) -> int:
        """Functions traced since it was warm; a request paid for each."""


Load = Callable[[Path, Signature | None], Preparable]


def load_graph(graph: Path, declared: Signature | None) -> Preparable:
    """Imports TensorFlow. Raises what loading a damaged or foreign file raises."""
    from service.runtime.tensorflow import TensorFlowServable

    return TensorFlowServable.load(graph, declared)


@dataclass(frozen=True)
class Prepared:
    """A version that was read, loaded and checked, and can run rows."""

    artifact: Artifact
    servable: Preparable
    codec: ModelCodec

    def run(self, rows: Sequence[Row], heads: Collection[str]) -> Outputs:
        """One batch of these rows, now, on this thread."""
        tensors, _ = stack(self.servable.signature, rows, ())
        return {name: list(tensor) for name, tensor in self.servable.run(tensors, heads).items()}


def prepare(model: str, folder: Path, load_graph: Load, warm_rows: Iterable[int], max_rows: int = 1024) -> Prepared:
    """Everything of a load that blocks. Raises InvalidArtifact and what the graph's loader raises."""
    artifact = open_artifact(folder)
    manifest = artifact.manifest
    servable = load_graph(artifact.graph, manifest.signature if manifest else None)
    codec = ModelCodec(model, servable.signature, manifest.preprocessing if manifest else {}, folder, max_rows)
    prepared = Prepared(artifact, servable, codec)
    replay(prepared)
    servable.warm_up(warm_rows)
    return prepared


class Loader:
    """Loads and unloads versions, one at a time, on a thread of its own."""

    def __init__(self, settings: Settings, emit: Emit, load_graph: Load = load_graph) -> None:
        self._settings = settings
        self._emit = emit
        self._load_graph = load_graph
        self._thread = ThreadPoolExecutor(1, "loader")
        self._running: dict[int, tuple[NativeServed, Preparable, Batcher]] = {}

    async def load(self, model: str, version: int, folder: Path) -> NativeServed:
        """Raises InvalidArtifact and whatever else a file can do to a loader."""
        runtime, batching = self._settings.runtime_of(model), self._settings.batching_of(model)
        warm_rows = sorted({1, batching.max_batch_size}) if runtime.warmup else ()
        prepared = await self._in_thread(
            lambda: prepare(model, folder, self._load_graph, warm_rows, batching.max_queue_size)
        )
        await self._in_thread(settle_memory)
        servable = prepared.servable
        batcher = Batcher(model, version, servable, policy_of(batching, runtime), self._emit)
        served = Served(model, version, servable.signature, prepared.artifact.manifest, prepared.codec, batcher)
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

    def loads(self) -> list[tuple[str, int, int, int]]:
        """Model, version, rows waiting and functions traced since it was warm, for the metrics."""
        return [
            (served.model, served.version, batcher.pending_rows, servable.retraces)
            for served, servable, batcher in self._running.values()
        ]

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def settle_memory() -> None:
    """Frees what loading left behind; the rest lives long, so later collections need not walk it."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def policy_of(batching: Batching, runtime: Runtime) -> BatchPolicy:
    return BatchPolicy(
        max_batch_size=batching.max_batch_size,
        max_queue_delay=batching.max_queue_delay,
        max_queue_size=batching.max_queue_size,
        instances=runtime.instances,
        buckets=batching.buckets,
    )


def replay(prepared: Prepared) -> None:
    """Runs each golden example alone. Raises InvalidArtifact for the first that answers otherwise than it did."""
    manifest = prepared.artifact.manifest
    for number, golden in enumerate(prepared.artifact.golden()):
        try:
            call = prepared.codec.read({"inputs": golden.inputs})
        except InvalidInput as error:
            raise InvalidArtifact(f"golden example {number}: {error}") from error
        outputs = prepared.run(call.rows, call.heads)
        for head, expected in golden.outputs.items():
            difference = largest_difference(outputs[head][0] if head in outputs else None, np.asarray(expected))
            if manifest is not None and not difference <= manifest.golden_tolerance:
                raise InvalidArtifact(
                    f"golden example {number}, head {head!r}: the answer differs by {difference:.2g}, "
                    f"more than {manifest.golden_tolerance:.2g}"
                )


def largest_difference(got: NDArray[Any] | None, expected: NDArray[Any]) -> float:
    """Relative to the size of what was expected, but at least to one."""
    if got is None or got.shape != expected.shape:
        return float("inf")
    scale = np.maximum(1.0, np.abs(expected.astype(float)))
    return float(np.max(np.abs(got.astype(float) - expected) / scale, initial=0.0))
