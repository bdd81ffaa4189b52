"""Runs a model before it is available, so that no request pays for tracing or for first-time allocation."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from models.signature import Input, Signature
from models.tensors import blank, numpy_dtype
from service.runtime.servable import Servable, Tensors

LENGTHS = (8, 64, 512)
"""Tried in turn for dimensions that the signature leaves open: some graphs need a minimum."""


def warm_up(servable: Servable, head_sets: Collection[frozenset[str]], rows: Iterable[int]) -> None:
    """Runs every head set at every number of rows. Raises what the model raises at the last length tried."""
    counts = tuple(rows)
    length = shortest_that_runs(servable) if counts else 0
    for heads in head_sets:
        for count in counts:
            refuse_other_rows(servable.run(zeros(servable.signature, count, length), heads), count)


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
    return {each.name: blank((rows, *shape(each, length)), numpy_dtype(each.spec.dtype)) for each in signature.inputs}


def row_of_zeros(signature: Signature, length: int) -> Tensors:
    """As a caller's row would be: without the tail."""
    sides = ([length if side is None else side for side in each.spec.shape] for each in signature.inputs)
    return {
        each.name: blank(side, numpy_dtype(each.spec.dtype)) for each, side in zip(signature.inputs, sides, strict=True)
    }


def shape(each: Input, length: int) -> tuple[int, ...]:
    return tuple(length + each.padding.tail if side is None else side for side in each.spec.shape)
