"""A version's folder to a model that can answer: read, load, replay the golden examples, try padding, warm up, measure.

All of it blocks. TensorFlow is imported by `load_graph` alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from models.artifact import SAVED_MODEL, Artifact, InvalidArtifact, open_artifact
from models.evidence import Evidence
from models.padding_trial import Verdict, establish
from models.signature import Signature
from models.strings import to_json
from models.tensors import OBJECT, rows_of
from models.trial_rows import range_of
from service.batching.calibration import calibrate
from service.batching.latency import Latency
from service.batching.padding import stack
from service.batching.policy import BatchPolicy
from service.batching.tuning import FIRST
from service.codec.nested_json import ModelCodec, Row
from service.errors import InvalidInput
from service.inference import Outputs
from service.runtime.servable import Servable, Tensors
from service.runtime.warmup import row_of_zeros, shortest_that_runs
from service.threads import behind_the_loop

TRIAL_SECONDS = 0.2
"""How long padding of a graph without a manifest is tried, beyond what has to be."""
CALIBRATION_SECONDS = 0.4
"""For each model, about: the last size tried may take longer."""

log = structlog.get_logger("manifold")


class Preparable(Servable, Protocol):
    """A servable that can be warmed up, and counts what it had to trace afterwards."""

    signature: Signature
    """May be weakened: what was declared of padding is tried."""

    def warm_up(self, rows: Iterable[int]) -> None:
        """Runs every head set at each of these numbers of rows. Raises what the model raises."""

    @property
    def retraces(self) -> int:
        """Functions traced since it was warm; a request paid for each."""


Load = Callable[[Path, Signature | None], Preparable]


def load_graph(graph: Path, declared: Signature | None, signature: str = "") -> Preparable:
    """Imports TensorFlow. `signature` is that of a SavedModel; empty for the default one.

    Raises what loading a damaged or foreign file raises.
    """
    if "tensorflow" not in sys.modules:
        behind_the_loop(start_tensorflow)
    if graph.name == SAVED_MODEL:
        from service.runtime import saved_model

        return saved_model.load(graph, declared, signature)
    if signature:
        raise ValueError(f"{graph.name} has no signatures, and runtime.signature asks for {signature!r}")
    from service.runtime.tensorflow import TensorFlowServable

    return TensorFlowServable.load(graph, declared)


def of_signature(load: Load, signature: str) -> Load:
    """What loads that signature; `load` itself where none is asked for."""
    return partial(load_graph, signature=signature) if signature else load


def import_modules(names: Iterable[str]) -> None:
    """Modules that an operator named. They register classes with Keras. Raises ValueError for one that fails."""
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # whatever a module of theirs raises
            raise ValueError(f"runtime.modules: {name!r} cannot be imported: {error}") from error


def start_tensorflow() -> None:
    """Its threads are started by the first that runs something."""
    from service.runtime.tensorflow import start

    start()


@dataclass(frozen=True)
class Prepared:
    """A version that was read, loaded and checked, and can run rows."""

    artifact: Artifact
    servable: Preparable
    codec: ModelCodec
    evidence: Evidence | None = None
    """What a trial of padding showed, here or on export; None where nobody tried."""

    @property
    def signature(self) -> Signature:
        """With what was established in place of what was declared."""
        return self.servable.signature

    def run(self, rows: Sequence[Row], heads: Collection[str]) -> Outputs:
        """One batch of these rows, now, on this thread."""
        tensors, _ = stack(self.servable.signature, rows, ())
        return {name: rows_of(tensor) for name, tensor in self.servable.run(tensors, heads).items()}


def prepare(model: str, folder: Path, load_graph: Load, warm_rows: Iterable[int], max_rows: int = 1024) -> Prepared:
    """Everything of a load that blocks. Raises InvalidArtifact and what the graph's loader raises."""
    artifact = open_artifact(folder)
    manifest = artifact.manifest
    servable = load_graph(artifact.graph, manifest.signature if manifest else None)
    codec = ModelCodec(model, servable.signature, manifest.preprocessing if manifest else {}, folder, max_rows)
    prepared = Prepared(artifact, servable, codec, manifest.evidence if manifest else None)
    golden = replay(prepared)
    counts = tuple(warm_rows)
    if counts:
        verdict = establish_padding(prepared, golden)
        tell_weakened(model, folder.name, servable.signature, verdict)
        servable.signature = verdict.signature
        prepared = replace(prepared, evidence=verdict.evidence)
    runs_alone = any(each.padding.kind == "alone" for each in servable.signature.inputs)
    servable.warm_up((1,) if counts and runs_alone else counts)
    return prepared


def warm_sizes(policy: BatchPolicy) -> tuple[int, ...]:
    """Numbers of rows to run every head set with; calibration goes on from there."""
    largest = FIRST if policy.max_batch_size == "auto" else policy.max_batch_size
    return (1, largest) if largest > 1 else (1,)


def measured(prepared: Prepared, policy: BatchPolicy) -> Latency:
    """What batches of the golden examples take, or of zeros where there are none."""
    servable = prepared.servable
    golden = [prepared.codec.read({"inputs": each.inputs}).rows[0] for each in prepared.artifact.golden()]
    rows: Sequence[Tensors] = golden or [row_of_zeros(servable.signature, shortest_that_runs(servable))]
    return calibrate(servable, rows, servable.signature.head_names, policy, CALIBRATION_SECONDS)


def replay(prepared: Prepared) -> list[Row]:
    """Runs each golden example alone, and returns their rows.

    Raises InvalidArtifact for the first that answers otherwise than it did.
    """
    manifest, rows = prepared.artifact.manifest, list[Row]()
    for number, golden in enumerate(prepared.artifact.golden()):
        try:
            call = prepared.codec.read({"inputs": golden.inputs})
        except InvalidInput as error:
            raise InvalidArtifact(f"golden example {number}: {error}") from error
        rows += call.rows
        outputs = prepared.run(call.rows, call.heads)
        for head, expected in golden.outputs.items():
            difference = largest_difference(outputs[head][0] if head in outputs else None, expected)
            if manifest is not None and not difference <= manifest.golden_tolerance:
                raise InvalidArtifact(
                    f"golden example {number}, head {head!r}: the answer differs by {difference:.2g}, "
                    f"more than {manifest.golden_tolerance:.2g}"
                )
    return rows


def establish_padding(prepared: Prepared, golden: Sequence[Row]) -> Verdict:
    """Whether rows may share batches, tried on this device with golden examples and rows made up."""
    manifest, servable = prepared.artifact.manifest, prepared.servable
    ranges = {name: range_of(each) for name, each in (manifest.preprocessing if manifest else {}).items()}
    return establish(
        servable.signature,
        servable.run,
        golden,
        ranges,
        is_declared=manifest is not None,
        seconds=TRIAL_SECONDS if manifest is None else 0.0,
    )


def tell_weakened(model: str, version: str, declared: Signature, verdict: Verdict) -> None:
    """A warning for every input of which less holds than was declared."""
    for each in declared.inputs:
        found = verdict.signature.input(each.name).padding.kind
        if found in (each.padding.kind, "pad"):
            continue
        neighbours = verdict.evidence.neighbours
        seen = neighbours if found == "alone" else verdict.evidence.padding[each.name]
        told = {"head": seen.head, "difference": seen.difference, "reason": seen.reason}
        padding = {"declared": each.padding.kind, "found": found}
        log.warning("padding weakened", model=model, version=version, input=each.name, **padding, **told)


def largest_difference(got: NDArray[Any] | None, golden: object) -> float:
    """Relative to the size of what was expected, but at least to one. Strings are equal or they are not."""
    if got is not None and got.dtype == OBJECT:
        return 0.0 if to_json(got) == golden else float("inf")
    expected = np.asarray(golden)
    if got is None or got.shape != expected.shape:
        return float("inf")
    scale = np.maximum(1.0, np.abs(expected.astype(float)))
    return float(np.max(np.abs(got.astype(float) - expected) / scale, initial=0.0))
