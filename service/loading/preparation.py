"""A version's folder to a model that can answer: read, load, replay the golden examples, try padding, warm up, measure.

What an earlier load of the same has tried and measured is taken from the cache.

All of it blocks. TensorFlow is imported by `load_graph` alone.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from models.artifact import SAVED_MODEL, Artifact, InvalidArtifact, Manifest, digest_of, open_artifact
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
from service.loading.cache import Cache
from service.loading.memory import Available, available, needed_by, refuse_too_large
from service.loading.warm_start import WarmStart
from service.progress import Progress
from service.runtime.placement import ANYWHERE, Footprint, Precision, Target
from service.runtime.servable import Servable, Tensors
from service.runtime.warmup import row_of_zeros, shortest_that_runs
from service.threads import behind_the_loop

TRIAL_SECONDS = 0.2
"""How long padding of a graph without a manifest is tried, beyond what has to be."""
EXACT = 1e-5
"""Largest relative difference of answers that count as equal."""
CALIBRATION_SECONDS = 0.4
"""For each model, about: the last size tried may take longer."""
GOLDEN_TOLERANCE: Mapping[Precision, float] = {"float32": 0.0, "mixed_float16": 0.01, "mixed_bfloat16": 0.05}
"""By so much golden examples may differ at least: they were made in single precision, and halves have 11 and 8 bits."""

log = structlog.get_logger("manifold")


class Preparable(Servable, Protocol):
    """A servable that can be warmed up, and counts what it had to trace afterwards."""

    signature: Signature
    """May be weakened: what was declared of padding is tried."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What decides, beside the graph, how it answers and how fast: versions, device, threads."""

    def warm_up(self, rows: Iterable[int], progress: Progress | None = None) -> None:
        """Runs every head set at each of these numbers of rows. Raises what the model raises."""

    def footprint(self, rows: int, length: int) -> Footprint:
        """Bytes, with batches of so many rows; sides that the signature leaves open are so long."""

    @property
    def made_with(self) -> Mapping[str, str]:
        """What its answers are made with: frameworks, device and precision, as a manifest says it."""

    @property
    def retraces(self) -> int:
        """Functions traced since it was warm; a request paid for each."""


Load = Callable[[Path, Signature | None], Preparable]


def load_graph(graph: Path, declared: Signature | None, target: Target = ANYWHERE) -> Preparable:
    """Imports TensorFlow. Raises what loading a damaged or foreign file raises."""
    if "tensorflow" not in sys.modules:
        begin(start_tensorflow)
    if graph.name == SAVED_MODEL:
        from service.runtime import saved_model

        return saved_model.load(graph, declared, target)
    if target.signature:
        raise ValueError(f"{graph.name} has no signatures, and runtime.signature asks for {target.signature!r}")
    from service.runtime.tensorflow import TensorFlowServable

    return TensorFlowServable.load(graph, declared, target)


def begin(start: Callable[[], None]) -> None:
    """Starts TensorFlow that way, and says how long it took. What an import makes is there to stay."""
    began = time.monotonic()
    behind_the_loop(start)
    gc.freeze()
    log.info("runtime started", seconds=round(time.monotonic() - began, 3))


def import_modules(names: Iterable[str]) -> None:
    """Modules that an operator named. They register classes with Keras. Raises ValueError for one that fails."""
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # whatever a module of theirs raises
            raise ValueError(f"runtime.modules: {name!r} cannot be imported: {error}") from error


def start_tensorflow() -> None:
    """Its threads are started by the first that runs something."""
    from service.runtime.hardware import Hardware
    from service.runtime.tensorflow import start

    start(Hardware())


@dataclass(frozen=True)
class Prepared:
    """A version that was read, loaded and checked, and can run rows."""

    artifact: Artifact
    servable: Preparable
    codec: ModelCodec
    evidence: Evidence | None = None
    """What a trial of padding showed, here or on export; None where nobody tried."""
    warm_start: WarmStart = field(default_factory=lambda: WarmStart(Cache(), "", {}))

    @property
    def signature(self) -> Signature:
        """With what was established in place of what was declared."""
        return self.servable.signature

    def run(self, rows: Sequence[Row], heads: Collection[str]) -> Outputs:
        """One batch of these rows, now, on this thread."""
        tensors, _ = stack(self.servable.signature, rows, ())
        return {name: rows_of(tensor) for name, tensor in self.servable.run(tensors, heads).items()}


def prepare(
    model: str,
    folder: Path,
    load_graph: Load,
    warm_rows: Iterable[int],
    max_rows: int = 1024,
    precision: Precision = "float32",
    *,
    available: Available = available,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Everything of a load that blocks. Raises InvalidArtifact, NotEnoughMemory and what the graph's loader raises."""
    cache, progress = cache or Cache(), progress or Progress()
    progress.enter("reading")
    artifact = open_artifact(folder)
    refuse_too_large(needed_by(artifact.graph), available())
    digest = digest_of(artifact) if cache.is_on else ""
    manifest = artifact.manifest
    progress.enter("loading graph")
    servable = load_graph(artifact.graph, manifest.signature if manifest else None)
    codec = ModelCodec(model, servable.signature, manifest.preprocessing if manifest else {}, folder, max_rows)
    warm_start = WarmStart(cache, digest, servable.environment)
    prepared = Prepared(artifact, servable, codec, manifest.evidence if manifest else None, warm_start)
    progress.enter("golden examples")
    golden = replay(prepared, GOLDEN_TOLERANCE[precision])
    counts = tuple(warm_rows)
    if counts:
        progress.enter("padding trial")
        verdict = known_padding(prepared, golden)
        tell_weakened(model, folder.name, servable.signature, verdict)
        servable.signature = verdict.signature
        prepared = replace(prepared, evidence=verdict.evidence)
    runs_alone = any(each.padding.kind == "alone" for each in servable.signature.inputs)
    progress.enter("warming up")
    servable.warm_up((1,) if counts and runs_alone else counts, progress)
    return prepared


def try_out(model: str, folder: Path, load_graph: Load, available: Available = available) -> Signature:
    """The signature of a version that could be loaded and gives its golden answers. It is let go at once.

    Raises what `prepare` raises.
    """
    prepared = prepare(model, folder, load_graph, (), available=available)
    prepared.servable.close()
    return prepared.signature


def warm_sizes(policy: BatchPolicy) -> tuple[int, ...]:
    """Numbers of rows to run every head set with; calibration goes on from there."""
    largest = FIRST if policy.max_batch_size == "auto" else policy.max_batch_size
    return (1, largest) if largest > 1 else (1,)


def measured(prepared: Prepared, policy: BatchPolicy) -> Latency:
    """What batches of the golden examples take, or of zeros where there are none."""
    known = prepared.warm_start.latency(policy)
    if known is not None:
        return known
    servable = prepared.servable
    golden = [prepared.codec.read({"inputs": each.inputs}).rows[0] for each in prepared.artifact.golden()]
    rows: Sequence[Tensors] = golden or [row_of_zeros(servable.signature, shortest_that_runs(servable))]
    latency = calibrate(servable, rows, servable.signature.head_names, policy, CALIBRATION_SECONDS)
    prepared.warm_start.keep_latency(policy, latency)
    return latency


def examples(prepared: Prepared) -> list[bytes]:
    """Requests as a caller would write them: the golden examples, or zeros where there are none."""
    inputs: list[Mapping[str, object]] = [each.inputs for each in prepared.artifact.golden()]
    if not inputs:
        row = row_of_zeros(prepared.signature, shortest_that_runs(prepared.servable))
        inputs = [{name: as_written(each) for name, each in row.items()}]
    return [orjson.dumps({"inputs": each}) for each in inputs]


def as_written(tensor: NDArray[Any]) -> object:
    """As a caller would write it; JSON knows neither numpy's scalars nor bfloat16."""
    if tensor.dtype == OBJECT:
        return to_json(tensor)
    return (tensor if tensor.dtype.kind in "iub" else tensor.astype(float)).tolist()


def replay(prepared: Prepared, least_tolerance: float = 0.0) -> list[Row]:
    """Runs each golden example alone, and returns their rows.

    Raises InvalidArtifact for the first that answers otherwise than it did. What differs less is logged.
    """
    rows, worst = list[Row](), Differs()
    for number, golden in enumerate(prepared.artifact.golden()):
        try:
            call = prepared.codec.read({"inputs": golden.inputs})
        except InvalidInput as error:
            raise InvalidArtifact(f"golden example {number}: {error}") from error
        rows += call.rows
        outputs = prepared.run(call.rows, call.heads)
        for head, expected in golden.outputs.items():
            difference = largest_difference(outputs[head][0] if head in outputs else None, expected)
            refuse_other_answer(prepared, number, head, difference, least_tolerance)
            worst = max(worst, Differs(difference, head, number))
    tell_difference(prepared, worst)
    return rows


class Differs(NamedTuple):
    """By how much a golden answer is missed, relative to its size but at least to one, and where."""

    difference: float = 0.0
    head: str = ""
    example: int = 0


def refuse_other_answer(prepared: Prepared, number: int, head: str, difference: float, least: float) -> None:
    """Raises InvalidArtifact for more than is allowed, which is `least` at least.

    Without a manifest nobody knows what the answers were made with, or for.
    """
    manifest = prepared.artifact.manifest
    if manifest is None:
        return
    allowed = max(least, EXACT if is_made_here(prepared, manifest) else manifest.golden_tolerance)
    if not difference <= allowed:
        raise InvalidArtifact(
            f"golden example {number}, head {head!r}: the answer differs by {difference:.2g}, more than {allowed:.2g}"
        )


def is_made_here(prepared: Prepared, manifest: Manifest) -> bool:
    """Whether the golden answers were made with the same frameworks, on such a device, in single precision as here.

    What rounds products to fewer digits does so in each kernel otherwise: there, answers are alike and not equal.
    """
    here = prepared.servable.made_with
    is_exact = here.get("precision") == "float32"
    return is_exact and all(manifest.frameworks.get(name) == value for name, value in here.items())


def tell_difference(prepared: Prepared, worst: Differs) -> None:
    """Equal answers are not worth a line."""
    if worst.difference > EXACT:
        folder = prepared.artifact.folder
        about = {"head": worst.head, "example": worst.example, "difference": worst.difference}
        log.info("golden answers differ, as other devices may", folder=str(folder), **about)


def known_padding(prepared: Prepared, golden: Sequence[Row]) -> Verdict:
    """From an earlier trial, or one made now."""
    known = prepared.warm_start.verdict(prepared.signature)
    if known is not None:
        return known
    verdict = establish_padding(prepared, golden)
    prepared.warm_start.keep_verdict(verdict)
    return verdict


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
    wanted = expected.astype(float)  # null, which stands for NaN, too
    return float(np.max(np.abs(got.astype(float) - wanted) / np.maximum(1.0, np.abs(wanted)), initial=0.0))
