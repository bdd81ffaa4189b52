"""Runs a model before it is available, so that no request pays for tracing or for first-time allocation."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from numpy.typing import NDArray

from models.signature import Input, Signature
from models.tensors import STRING, blank, numpy_dtype
from service.progress import Progress
from service.runtime.servable import Servable, Tensors

LENGTHS = (8, 64, 512)
"""Tried in turn for dimensions that the signature leaves open: some graphs need a minimum."""
LONE_LENGTHS = range(1, 49)
"""Lengths of a lone row that are run as well: on a CPU, oneDNN makes its kernels anew for each, which takes as long as
the answer. More would push one another out of its cache of 1,024."""
LENGTH_SECONDS = 0.3
"""After which no further length is run."""

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYGAAAAAEAAHI6uv5AAAAAElFTkSuQmCC"
)
"""A PNG of one black pixel."""
TEXTS = (b"", b"0", PICTURE)
"""Tried in turn for strings: some graphs read numbers or pictures in them."""


class Filling(NamedTuple):
    """What rows that are made up consist of, beside zeros."""

    length: int
    text: bytes = b""


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
    filling = shortest_that_runs(servable) if counts else Filling(0)
    for heads in head_sets:
        for count in counts:
            refuse_other_rows(servable.run(zeros(servable.signature, count, filling), heads), count)
            progress.advance()
    if counts and any(each.spec.is_ragged for each in servable.signature.inputs):
        warm_lengths(servable, filling, clock)


def warm_lengths(servable: Servable, filling: Filling, clock: Callable[[], float]) -> None:
    """All heads of lone rows of any length, the shortest first. What is too short for the graph is left out."""
    until = clock() + LENGTH_SECONDS
    for length in LONE_LENGTHS:
        if clock() >= until:
            return
        with suppress(Exception):
            servable.run(zeros(servable.signature, 1, filling._replace(length=length)), servable.signature.head_names)


def refuse_other_rows(outputs: Tensors, rows: int) -> None:
    """Raises ValueError for a model that does not answer row by row: no request to it could ever be answered."""
    for head, tensor in outputs.items():
        if tensor.shape[:1] != (rows,):
            raise ValueError(f"head {head!r} answers with shape {list(tensor.shape)} to {rows} rows, not row by row")


def shortest_that_runs(servable: Servable) -> Filling:
    """The first that the graph takes; the last where it takes none."""
    has_strings = any(each.spec.dtype == STRING for each in servable.signature.inputs)
    *others, last = [Filling(length, text) for text in TEXTS[: None if has_strings else 1] for length in LENGTHS]
    for filling in others:
        try:
            servable.run(zeros(servable.signature, 1, filling), servable.signature.head_names)
        except Exception:  # a graph that needs longer rows, or other texts; the next filling tells
            continue
        return filling
    return last


def zeros(signature: Signature, rows: int, filling: Filling) -> Tensors:
    return {each.name: filled((rows, *shape(each, filling.length)), each, filling) for each in signature.inputs}


def row_of_zeros(signature: Signature, filling: Filling) -> Tensors:
    """As a caller's row would be: without the tail."""
    sides = ([filling.length if side is None else side for side in each.spec.shape] for each in signature.inputs)
    return {each.name: filled(side, each, filling) for each, side in zip(signature.inputs, sides, strict=True)}


def filled(shape: Sequence[int], each: Input, filling: Filling) -> NDArray[Any]:
    tensor = blank(shape, numpy_dtype(each.spec.dtype))
    if each.spec.dtype == STRING:
        tensor[...] = filling.text
    return tensor


def shape(each: Input, length: int) -> tuple[int, ...]:
    return tuple(length + each.padding.tail if side is None else side for side in each.spec.shape)
