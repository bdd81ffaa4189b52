"""Runs a model before it is available, so that no request pays for tracing or for first-time allocation."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

import numpy as np

from models.signature import Input, Signature
from service.progress import Progress
from service.runtime.servable import Servable, Tensors

LENGTHS = (8, 64, 512)
"""Tried in turn for dimensions that the signature leaves open: some graphs need a minimum."""
LONE_LENGTHS = range(1, 49)
"""Lengths of a lone row that are run as well: on a CPU, oneDNN makes its kernels anew for each, which takes as long as
the answer. More would push one another out of its cache of 1,024."""
LENGTH_SECONDS = 0.3
"""After which no further length is run."""


def warm_up(
    servable: Servable,
    head_sets: Collection[frozenset[str]],
    rows: Iterable[int],
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Runs every head set at every number of rows, in this order: what is asked for most should come first.

    Raises what the model raises at the last length tried.
    """
    counts, progress = tuple(rows), progress or Progress()
    progress.enter("warming up", of=len(head_sets) * len(counts))
    length = shortest_that_runs(servable) if counts else 0
    for heads in head_sets:
        for count in counts:
            refuse_other_rows(servable.run(zeros(servable.signature, count, length), heads), count)
            progress.advance()
    if counts and any(each.spec.is_ragged for each in servable.signature.inputs):
        warm_lengths(servable, clock)


def warm_lengths(servable: Servable, clock: Callable[[], float]) -> None:
    """All heads of lone rows of any length, the shortest first. What is too short for the graph is left out."""
    until = clock() + LENGTH_SECONDS
    for length in LONE_LENGTHS:
        if clock() >= until:
            return
        with suppress(Exception):
            servable.run(zeros(servable.signature, 1, length), servable.signature.head_names)


def refuse_other_rows(outputs: Tensors, rows: int) -> None:
    """Raises ValueError for a model that does not answer row by row: no request to it could ever be answered."""
    for head, tensor in outputs.items():
        if tensor.shape[:1] != (rows,):
            raise ValueError(f"head {head!r} answers with shape {list(tensor.shape)} to {rows} rows, not row by row")


def shortest_that_runs(servable: Servable) -> int:
    for length in LENGTHS[:-1]:
        try:
            servable.run(zeros(servable.signature, 1, length), servable.signature.head_names)
        except Exception:  # a graph that needs longer rows; the next length tells
            continue
        return length
    return LENGTHS[-1]


def zeros(signature: Signature, rows: int, length: int) -> Tensors:
    return {each.name: np.zeros((rows, *shape(each, length)), each.spec.dtype) for each in signature.inputs}


def row_of_zeros(signature: Signature, length: int) -> Tensors:
    """As a caller's row would be: without the tail."""
    sides = ([length if side is None else side for side in each.spec.shape] for each in signature.inputs)
    return {each.name: np.zeros(side, each.spec.dtype) for each, side in zip(signature.inputs, sides, strict=True)}


def shape(each: Input, length: int) -> tuple[int, ...]:
    return tuple(length + each.padding.tail if side is None else side for side in each.spec.shape)
