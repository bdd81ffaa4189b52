"""One candidate beside one answering version: which rows it answers again, when there is room, and what came of them.

Knows no HTTP, no JSON and no TensorFlow, and never keeps a caller waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from models.preprocessing import Text
from models.tensors import size_in_bytes
from service.batching.batch_queue import LOW
from service.comparison import Agreement, Comparison, Differences, NotCompared
from service.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    ServiceError,
    ShuttingDown,
)
from service.events import BatchRan, Emit, ShadowRows
from service.inference import Answer, K, Outputs, Read, Row, Served

C = TypeVar("C")

ROWS_OF_REQUEST = 16
"""That are answered again at most, so that a caller who comes meanwhile stands beside a small batch."""
ROWS_WAITING = 64
BYTES_WAITING = 64 * 2**20
"""Of what waits. One request may always wait, whatever its size."""
REASONS = 10
"""Different ones that are kept; what else happens is counted as `other reasons`."""
LARGE = 100_000
"""Numbers of an answer from which on they are compared on a thread."""

MIRRORED, COMPARED, FAILED, DROPPED, NOT_COMPARABLE = "mirrored", "compared", "failed", "dropped", "not_comparable"

log = structlog.get_logger("manifold.shadow")


@dataclass(frozen=True, slots=True)
class Pair:
    """Which version answers, which one is tried, and the share of the requests that it is tried on."""

    model: str
    answering: int
    candidate: int
    share: float


@dataclass(frozen=True, slots=True)
class Ran:
    """All batches of a version since the shadow began, whoever they were for."""

    version: int
    batches: int = 0
    rows: int = 0
    compute_seconds: float = 0.0

    def plus(self, event: BatchRan) -> Ran:
        seconds = self.compute_seconds + event.compute_seconds
        return Ran(self.version, self.batches + 1, self.rows + event.rows, seconds)


@dataclass(frozen=True, slots=True)
class Rows:
    """What became of the rows that were to be answered twice. The others of `mirrored` still wait."""

    mirrored: int
    compared: int
    failed: int
    dropped: int
    not_comparable: int


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How a candidate does beside the version that answers. `ended` says why, and is null while it goes on."""

    model: str
    answering: int
    candidate: int
    share: float
    ended: str | None
    rows: Rows
    reasons: Mapping[str, int]
    """Rows that were not compared, by why."""
    heads: tuple[Differences | Agreement, ...]
    heads_not_compared: tuple[NotCompared, ...]
    compute: tuple[Ran, Ran]
    """Of the answering version and of the candidate."""


@dataclass(frozen=True, slots=True)
class Mirrored(Generic[C]):
    """Rows that got an answer, and what it was. `read` where the candidate reads a request otherwise."""

    rows: Sequence[Row]
    outputs: Outputs
    read: Read[C, Any] | None
    size: int
    """Bytes that it keeps."""


class Shadow(Generic[C]):
    """Is told of settled answers, and has one task, which runs a few rows at a time while nobody else wants to."""

    def __init__(
        self,
        pair: Pair,
        lease: Callable[[str, int], AbstractContextManager[Served[C]]],
        emit: Emit,
        chance: Callable[[], float],
        reading_time: Callable[[Served[C]], float],
        is_late: Callable[[], bool],
        timeout: float,
    ) -> None:
        """`chance` is from 0 to 1, anew for each request; `reading_time` as for Inference; `is_late`: whether the event
        loop has more to do than it can. To be made on the loop.

        Raises ModelNotFound, ModelNotReady.
        """
        self.pair = pair
        self.ended: str | None = None
        self._lease = lease
        self._emit = emit
        self._chance = chance
        self._reading_time = reading_time
        self._is_late = is_late
        self._timeout = timeout
        with lease(pair.model, pair.answering) as answering, lease(pair.model, pair.candidate) as candidate:
            self._comparison = Comparison(answering.signature, candidate.signature)
            self._reads_alike = reads_alike(answering, candidate)
        self._rows: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._ran = {number: Ran(number) for number in (pair.answering, pair.candidate)}
        self._waiting: deque[Mirrored[C]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        # Begun within somebody's request perhaps, but it belongs to none.
        self._task = asyncio.get_running_loop().create_task(self._work(), context=contextvars.Context())

    def __repr__(self) -> str:
        pair, ended = self.pair, f" ended: {self.ended}" if self.ended else ""
        return f"<Shadow {pair.model}/{pair.candidate} of {pair.answering} [{len(self._waiting)} waiting]{ended}>"

    def __call__(self, answer: Answer[C, K], read: Read[C, K], held: int) -> None:
        """A request was answered. The task runs once whoever asked has gone on."""
        try:
            if answer.served.version == self.pair.answering and self._chance() < self.pair.share:
                self._take_in(answer, read, held)
        except Exception:
            log.exception("an answer could not be mirrored", model=self.pair.model)
        self._wake.set()

    def _take_in(self, answer: Answer[C, K], read: Read[C, K], held: int) -> None:
        rows = answer.call.rows[:ROWS_OF_REQUEST]
        self._rows[MIRRORED] += len(rows)
        if self._is_late():
            self._count(DROPPED, len(rows), "no room: the event loop is late")
            return
        heads = [head for head in answer.call.heads if head in self._comparison.heads]
        if not heads:
            self._count(NOT_COMPARABLE, len(rows), "no head that was asked for can be compared")
            return
        outputs = {head: answer.outputs[head][:ROWS_OF_REQUEST] for head in heads}
        size = kept_by(tensor for row in rows for tensor in row.values())
        size += kept_by(tensor for tensors in outputs.values() for tensor in tensors)
        size += 0 if self._reads_alike else held
        if self._waiting and (self._waits + len(rows) > ROWS_WAITING or self._bytes + size > BYTES_WAITING):
            self._count(DROPPED, len(rows), "no room: as much waits as may")
            return
        self._bytes += size
        self._waiting.append(Mirrored(rows, outputs, None if self._reads_alike else read, size))

    @property
    def _waits(self) -> int:
        return sum(len(each.rows) for each in self._waiting)

    def ran(self, event: BatchRan) -> None:
        """A batch of some model came back: there may be room now."""
        if event.model == self.pair.model and event.version in self._ran:
            self._ran[event.version] = self._ran[event.version].plus(event)
        self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and self._has_room(self._waiting[0]):
                mirrored = self._waiting.popleft()
                self._bytes -= mirrored.size
                await self._try(mirrored)

    def _has_room(self, mirrored: Mirrored[C]) -> bool:
        """Whether neither version has anything to do, nor any other model that has to wait for its turn."""
        pair = self.pair
        try:
            with self._lease(pair.model, pair.answering) as answering, self._lease(pair.model, pair.candidate) as other:
                is_idle = answering.batcher.is_idle and other.batcher.is_idle and other.aside.is_idle
                return is_idle and (mirrored.read is None or not self._reading_time(other))
        except (ModelNotFound, ModelNotReady):
            return False

    async def _try(self, mirrored: Mirrored[C]) -> None:
        outcome, reason = DROPPED, "the shadow ended"
        try:
            outcome, reason = await self._outcome(mirrored)
        finally:
            self._count(outcome, len(mirrored.rows), reason)

    async def _outcome(self, mirrored: Mirrored[C]) -> tuple[str, str]:
        """Whatever happens to a candidate's rows, it is an outcome."""
        try:
            outputs = await self._answers(mirrored)
            await self._compare(mirrored.outputs, outputs)
            return COMPARED, ""
        except InvalidInput as error:
            problem = error.problems[0]
            where = f"input {problem.input!r}" if problem.input is not None else "request"
            # Not what came instead: the report is no place for what callers send.
            return NOT_COMPARABLE, f"{where}: the candidate expects {problem.expected}"
        except (Overloaded, ModelNotFound, ModelNotReady, ShuttingDown) as error:
            return DROPPED, str(error)
        except ServiceError as error:
            return FAILED, str(error)
        except Exception as error:
            log.exception("a shadow's answer could not be compared", model=self.pair.model, version=self.pair.candidate)
            return FAILED, type(error).__name__

    async def _answers(self, mirrored: Mirrored[C]) -> Outputs:
        """The candidate's. It is leased while its rows run, and no longer."""
        with self._lease(self.pair.model, self.pair.candidate) as candidate:
            rows = mirrored.rows if mirrored.read is None else await read_again(mirrored.read, candidate)
            deadline = asyncio.get_running_loop().time() + self._timeout
            return await candidate.aside.submit(rows, mirrored.outputs.keys(), deadline, LOW)

    async def _compare(self, answering: Outputs, candidate: Outputs) -> None:
        numbers = sum(tensor.size for tensors in answering.values() for tensor in tensors)
        if numbers < LARGE:
            self._comparison.add(answering, candidate)
        else:
            await asyncio.to_thread(self._comparison.add, answering, candidate)

    def _count(self, outcome: str, rows: int, reason: str) -> None:
        self._rows[outcome] += rows
        if reason:
            known = reason in self._reasons or len(self._reasons) < REASONS
            self._reasons[reason if known else "other reasons"] += rows
        self._emit(ShadowRows(self.pair.model, self.pair.candidate, outcome, rows))

    def end(self, reason: str) -> asyncio.Task[None]:
        """Runs nothing more. The task is over a turn of the loop later."""
        self.ended = reason
        for mirrored in self._waiting:
            self._count(DROPPED, len(mirrored.rows), "the shadow ended")
        self._waiting.clear()
        self._task.cancel()
        return self._task

    def report(self) -> ShadowReport:
        pair, rows, compared = self.pair, self._rows, self._comparison.compared()
        return ShadowReport(
            model=pair.model,
            answering=pair.answering,
            candidate=pair.candidate,
            share=pair.share,
            ended=self.ended,
            rows=Rows(rows[MIRRORED], rows[COMPARED], rows[FAILED], rows[DROPPED], rows[NOT_COMPARABLE]),
            reasons=dict(self._reasons),
            heads=compared.heads,
            heads_not_compared=compared.heads_not_compared,
            compute=(self._ran[pair.answering], self._ran[pair.candidate]),
        )


async def read_again(read: Read[C, Any], candidate: Served[C]) -> Sequence[Row]:
    """The request as the candidate takes it. Raises InvalidInput, Overloaded when its caller's time is over by now."""
    try:
        rows: Sequence[Row] = (await read(candidate)).rows
        return rows[:ROWS_OF_REQUEST]
    except DeadlineExceeded:
        raise Overloaded("its time passed before the candidate read it", 0.0) from None


def reads_alike(one: Served[Any], other: Served[Any]) -> bool:
    """Whether both make the same tensors of the same request."""
    return reading_of(one) == reading_of(other)


def reading_of(served: Served[Any]) -> tuple[object, ...]:
    """All that a request's tensors depend on: the inputs, how their values are encoded, and the files for that."""
    manifest = served.manifest
    inputs = {each.name: (each.spec, each.missing) for each in served.signature.inputs}
    if manifest is None:
        return inputs, {}, {}
    files = {each.tokenizer for each in manifest.preprocessing.values() if isinstance(each, Text)}
    return inputs, manifest.preprocessing, {name: manifest.digests.get(name) for name in files}


def kept_by(tensors: Iterable[NDArray[Any]]) -> int:
    """Bytes that stay because of these tensors: one row of a batch keeps the whole."""
    owners = [tensor.base if isinstance(tensor.base, np.ndarray) else tensor for tensor in tensors]
    return sum({id(owner): size_in_bytes(owner) for owner in owners}.values())
