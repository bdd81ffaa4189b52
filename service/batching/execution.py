"""What a worker thread does with a batch: stacks it, runs it, cuts the answer up; in halves when the model raises.

Knows no queue and no event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from numpy.typing import NDArray

from models.signature import Signature
from models.tensors import rows_of
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


@dataclass(frozen=True, slots=True)
class Failure:
    """What the model raised, and the first row of the call it did so on; None where that is not known."""

    error: BaseException
    place: int | None = None


Part = Outputs | Failure


@dataclass(frozen=True, slots=True)
class Stacked:
    """A batch ready for the device."""

    tensors: Tensors
    padding_rows: float
    seconds: float


@dataclass(slots=True)
class Ran:
    """What came of a batch: for each ticket its rows' heads, or what was raised. Times count every attempt."""

    parts: Sequence[Part]
    padding_rows: float = 0.0
    pad_seconds: float = 0.0
    compute_seconds: float = 0.0
    failed: bool = False
    """Whether the model raised, be it only until the batch was halved."""


@dataclass(frozen=True, slots=True)
class Work:
    """How batches of one model are run. `is_over` says that nobody waits for a ticket any more."""

    runner: Runner
    buckets: Sequence[int] = ()
    is_over: Callable[[Ticket[Any]], bool] = lambda ticket: False

    def stack(self, batch: Batch[Any]) -> Stacked:
        """Raises KeyError for a row that lacks an input, TypeError for one of another kind."""
        began = time.perf_counter()
        tensors, padding_rows = stack(self.runner.signature, batch.rows, self.buckets)
        return Stacked(tensors, padding_rows, time.perf_counter() - began)

    def execute(self, batch: Batch[Any], stacked: Stacked | None = None) -> Ran:
        """Runs the batch, and again in halves for as long as it raises, so that only the culprit fails."""
        began = time.perf_counter()
        padded = began
        try:
            stacked = stacked or self.stack(batch)
            padded = time.perf_counter()
            answers = self.runner.run(stacked.tensors, batch.heads)
            parts = split(batch.tickets, answers, batch.heads, batch.size)
            return Ran(parts, stacked.padding_rows, stacked.seconds, time.perf_counter() - padded)
        except Exception as error:
            spent = Ran([], 0.0, padded - began, time.perf_counter() - padded, failed=True)
            if batch.size == 1:
                return replace(spent, parts=[Failure(error, batch.tickets[0].places[0])])
            failure = Failure(error.with_traceback(None))
        # Outside the handler: a culprit must not carry the failures of the batches it was in.
        return self._halved(batch, spent, failure)

    def _halved(self, batch: Batch[Any], spent: Ran, failure: Failure) -> Ran:
        parts: list[Part] = []
        ran = spent
        is_one = len(batch.tickets) == 1
        for half in halves(batch):
            if is_one and parts and isinstance(parts[0], Failure):
                break  # a call fails whole
            if all(self.is_over(ticket) for ticket in half.tickets):
                parts += [failure] * len(half.tickets)
                continue
            again = self.execute(half)
            parts += again.parts
            ran = Ran(
                parts,
                ran.padding_rows + again.padding_rows,
                ran.pad_seconds + again.pad_seconds,
                ran.compute_seconds + again.compute_seconds,
                failed=True,
            )
        return replace(ran, parts=[joined(parts)] if is_one else parts)


def halves(batch: Batch[Any]) -> tuple[Batch[Any], Batch[Any]]:
    """Half of the tickets each, or of the rows of the only one."""
    if len(batch.tickets) > 1:
        half = len(batch.tickets) // 2
        return replace(batch, tickets=batch.tickets[:half]), replace(batch, tickets=batch.tickets[half:])
    (ticket,) = batch.tickets
    half = len(ticket.places) // 2
    first, second = replace(ticket, places=ticket.places[:half]), replace(ticket, places=ticket.places[half:])
    return replace(batch, tickets=(first,)), replace(batch, tickets=(second,))


def joined(parts: Sequence[Part]) -> Part:
    """Both halves of a ticket, or the failure of either."""
    first, last = parts[0], parts[-1]
    if isinstance(first, Failure) or isinstance(last, Failure):
        return first if isinstance(first, Failure) else last
    return {head: first[head] + last[head] for head in first}


def split(tickets: Sequence[Ticket[Any]], answers: Tensors, heads: Collection[str], rows: int) -> list[Part]:
    """Each ticket's rows of exactly its heads. Raises ValueError when the model did not answer row by row."""
    for head in heads:
        shape = answers[head].shape if head in answers else "nothing"
        if shape[:1] != (rows,):
            raise ValueError(f"head {head!r} should have {rows} rows, the model gave {shape}")
    parts: list[Part] = []
    start = 0
    for ticket in tickets:
        stop = start + len(ticket.places)
        parts.append({head: rows_of(answers[head][start:stop]) for head in ticket.call.heads})
        start = stop
    return parts
