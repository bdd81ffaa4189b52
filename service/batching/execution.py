"""What a worker thread does with a batch: stacks it, runs it, cuts the answer up; in halves when the model raises.

Knows no queue and no event loop.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from models.signature import Signature
from service.batching.batch_queue import Batch, Ticket
from service.batching.padding import stack

Tensors = Mapping[str, NDArray[Any]]
Outputs = dict[str, list[NDArray[Any]]]
"""For each head one tensor for each row: rows of different length may have answers of different shape."""


class Runner(Protocol):
    """What runs a batch: a loaded model."""

    @property
    def signature(self) -> Signature: ...

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors: ...


@dataclass(slots=True)
class Ran:
    """What came of a batch: for each ticket its rows' heads, or what was raised. Times count every attempt."""

    parts: Sequence[Outputs | BaseException]
    padding_rows: float = 0.0
    pad_seconds: float = 0.0
    compute_seconds: float = 0.0
    failed: bool = False
    """Whether the model raised, be it only until the batch was halved."""


def execute(runner: Runner, batch: Batch[Any], buckets: Sequence[int]) -> Ran:
    """Runs the batch, and again in halves for as long as it raises, so that only the culprit fails."""
    began = time.perf_counter()
    padded = began
    try:
        rows, heads = batch.rows, batch.heads
        tensors, padding_rows = stack(runner.signature, rows, buckets)
        padded = time.perf_counter()
        parts = split(batch.tickets, runner.run(tensors, heads), heads, len(rows))
        return Ran(parts, padding_rows, padded - began, time.perf_counter() - padded)
    except Exception as error:
        spent = time.perf_counter() - padded
        if len(batch.tickets) == 1:
            return Ran([error], 0.0, padded - began, spent, failed=True)
    # Outside the handler: a culprit must not carry the failures of the batches it was in.
    half = len(batch.tickets) // 2
    first = execute(runner, Batch(batch.tickets[:half]), buckets)
    second = execute(runner, Batch(batch.tickets[half:]), buckets)
    return Ran(
        [*first.parts, *second.parts],
        first.padding_rows + second.padding_rows,
        first.pad_seconds + second.pad_seconds + padded - began,
        first.compute_seconds + second.compute_seconds + spent,
        failed=True,
    )


def split(tickets: Sequence[Ticket[Any]], answers: Tensors, heads: Collection[str], rows: int) -> list[Outputs]:
    """Each ticket's rows of exactly its heads. Raises ValueError when the model did not answer row by row."""
    for head in heads:
        shape = answers[head].shape if head in answers else "nothing"
        if shape[:1] != (rows,):
            raise ValueError(f"head {head!r} should have {rows} rows, the model gave {shape}")
    parts, start = [], 0
    for ticket in tickets:
        stop = start + len(ticket.places)
        parts.append({head: list(answers[head][start:stop]) for head in ticket.call.heads})
        start = stop
    return parts
