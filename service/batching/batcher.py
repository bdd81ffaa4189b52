"""The loop around the queue for one model version: calls come in, batches run on threads, each call is settled once.

Knows neither HTTP nor TensorFlow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

import numpy as np
import structlog

from service.batching.batch_queue import Batch, BatchQueue, Call, Ticket
from service.batching.execution import Outputs, Ran, Runner, execute
from service.batching.padding import Row, batch_key
from service.batching.policy import BatchPolicy
from service.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Problem, ServiceError, ShuttingDown
from service.events import BatchRan, CallDropped, Emit, Event

log = structlog.get_logger("manifold.batching")


@dataclass(eq=False, slots=True)
class Waiting(Call):
    """A call with a caller behind it, and what of its answer has come."""

    future: asyncio.Future[Outputs]
    outputs: Outputs = field(default_factory=dict, init=False)
    started: int = field(default=0, init=False)
    """Rows that went to the model."""
    answered: int = field(default=0, init=False)
    settled: bool = field(default=False, init=False)


class Batcher:
    """Batches the calls of one model version. To be used from one event loop, whose time its deadlines are in."""

    def __init__(self, model: str, version: int, servable: Runner, policy: BatchPolicy, emit: Emit) -> None:
        self._model = model
        self._version = version
        self._servable = servable
        self._policy = policy
        self._emit = emit
        self._known_heads = frozenset(servable.signature.head_names)
        self._queue: BatchQueue[Waiting] = BatchQueue(policy, partial(batch_key, servable.signature))
        self._threads = ThreadPoolExecutor(policy.instances, f"{model}-{version}")
        self._running: set[asyncio.Future[Ran]] = set()
        self._is_pump_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._emptied = asyncio.Event()

    def __repr__(self) -> str:
        closed = " closed" if self._is_closed else ""
        counts = f"{self._queue.calls} calls, {self.pending_rows} rows waiting, {self.running} running"
        return f"<Batcher [{counts}]{closed}>"

    @property
    def pending_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._queue.rows

    @property
    def running(self) -> int:
        """Batches that run."""
        return len(self._running)

    async def submit(self, rows: Sequence[Row], heads: Collection[str], deadline: float) -> Outputs:
        """Runs the rows, with others or alone, and returns exactly these heads, rows in order.

        A caller that is cancelled leaves nothing behind.
        Raises InvalidInput, Overloaded, DeadlineExceeded, InferenceFailed, ShuttingDown.
        """
        if self._is_closed:
            raise ShuttingDown(f"version {self._version} of {self._model!r} is going away")
        wanted = frozenset(heads)
        if not wanted or not wanted <= self._known_heads:
            raise InvalidInput(Problem(f"heads among {sorted(self._known_heads)}", str(sorted(wanted))))
        loop = asyncio.get_running_loop()
        call = Waiting(rows, wanted, deadline, loop.create_future())
        self._queue.add(call, loop.time())
        self._pump_soon(loop)
        try:
            return await call.future
        finally:
            # Still open here only when the caller was cancelled.
            self._settle(call, None, "cancelled")

    def _pump_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once the loop has gone round, so that calls which come in the same round share the first batch."""
        if not self._is_pump_due:
            self._is_pump_due = True
            loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Ends what is late, starts what can run, and sees to it that it is called again in time."""
        self._is_pump_due = False
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in self._queue.expire(now):
            self._settle(call, DeadlineExceeded("its time passed before there was an answer"), "expired")
        while self.running < self._policy.instances and (batch := self._queue.take(now)) is not None:
            self._start(loop, batch, now)
        self._set_timer(loop)

    def _start(self, loop: asyncio.AbstractEventLoop, batch: Batch[Waiting], now: float) -> None:
        # A caller that was cancelled in this round of the loop has not come round to say so.
        batch = Batch(tuple(ticket for ticket in batch.tickets if not ticket.call.future.cancelled()))
        if not batch.tickets:
            return
        for ticket in batch.tickets:
            ticket.call.started += len(ticket.places)
        queued = tuple(now - ticket.since for ticket in batch.tickets)
        work = loop.run_in_executor(self._threads, execute, self._servable, batch, self._policy.buckets)
        self._running.add(work)
        work.add_done_callback(partial(self._finish, batch, queued))

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all. One that goes off early does no harm, so it is only ever moved forward."""
        moment = self._queue.wake_at(busy=self.running >= self._policy.instances)
        if moment is None or (self._timer is not None and self._timer.when() <= moment):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(moment, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _finish(self, batch: Batch[Waiting], queued: tuple[float, ...], work: asyncio.Future[Ran]) -> None:
        """Back on the loop: hands each ticket its part, and goes on whatever happened."""
        self._running.discard(work)
        failure = work.exception()
        ran = Ran([failure] * len(batch.tickets), failed=True) if failure else work.result()
        try:
            for ticket, part in zip(batch.tickets, ran.parts, strict=True):
                self._deliver(ticket, part)
            self._tell_of(batch, queued, ran)
        finally:
            self._pump()

    def _tell_of(self, batch: Batch[Waiting], queued: tuple[float, ...], ran: Ran) -> None:
        self._tell(
            BatchRan(
                model=self._model,
                version=self._version,
                rows=batch.size,
                padding_rows=ran.padding_rows,
                queue_seconds=queued,
                pad_seconds=ran.pad_seconds,
                compute_seconds=ran.compute_seconds,
                failed=ran.failed,
            )
        )

    def _deliver(self, ticket: Ticket[Waiting], part: Outputs | BaseException) -> None:
        call = ticket.call
        if isinstance(part, BaseException):
            if not call.settled:
                self._log_failure(ticket, part)
            self._settle(call, InferenceFailed(f"the model raised {type(part).__name__} on this request"))
            return
        call.answered += len(ticket.places)
        if len(call.tickets) == 1:
            call.outputs = part
        else:
            fill(call, ticket.places, part)
        if call.answered == len(call.rows):
            self._settle(call, call.outputs)

    def _log_failure(self, ticket: Ticket[Waiting], error: BaseException) -> None:
        rows = Batch((ticket,)).rows
        log.error(
            "the model raised",
            model=self._model,
            version=self._version,
            rows=len(rows),
            shapes=sorted({(name, np.shape(value)) for row in rows for name, value in row.items()}),
            heads=sorted(ticket.call.heads),
            exc_info=error,
        )

    def _settle(self, call: Waiting, outcome: Outputs | ServiceError | None, dropped: str = "") -> None:
        """The one exit of every call: answered, failed, late, cancelled, shut down. The first to come decides."""
        if call.settled:
            return
        call.settled = True
        self._queue.discard(call)
        if not call.future.done():
            if isinstance(outcome, ServiceError):
                call.future.set_exception(outcome)
            elif outcome is not None:
                call.future.set_result(outcome)
        if not self._queue.calls:
            self._emptied.set()
        if dropped:
            self._tell(CallDropped(self._model, self._version, dropped, len(call.rows) - call.started))

    def _tell(self, event: Event) -> None:
        """A subscriber that raises is its own problem, never a caller's."""
        try:
            self._emit(event)
        except Exception:
            log.exception("a subscriber raised", event_type=type(event).__name__)

    async def drain(self, timeout: float) -> None:
        """Takes nothing new and answers what is here; after `timeout` seconds tells the rest that it is over."""
        self._is_closed = True
        self._emptied.clear()
        if self._queue.calls:
            try:
                async with asyncio.timeout(timeout):
                    await self._emptied.wait()
            except TimeoutError:
                for call in self._queue.drain():
                    self._settle(call, ShuttingDown("the service shut down before there was an answer"), "shutdown")

    async def close(self, timeout: float = 0.0) -> None:
        """Drains, and waits for the batches that run, all within `timeout` seconds.

        Nothing can stop a batch: one that still runs then has nobody to answer to, and its thread ends with it.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        await self.drain(timeout)
        if self._running:
            await asyncio.wait(self._running, timeout=max(0.0, until - loop.time()))
        if self._timer is not None:
            self._timer.cancel()
        self._threads.shutdown(wait=not self._running)

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def fill(call: Waiting, places: Sequence[int], part: Outputs) -> None:
    """Puts the rows of a call that was cut where they stood in it."""
    for head, tensors in part.items():
        filled = call.outputs.setdefault(head, [tensors[0]] * len(call.rows))
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
