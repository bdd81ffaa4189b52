"""The loop around the queue for one model version: calls come in, batches run on threads, each call is settled once.

Knows neither HTTP nor TensorFlow.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np
import structlog

from service.batching.batch_queue import NORMAL, Batch, BatchQueue, Ticket
from service.batching.calls import Waiting
from service.batching.execution import Failure, Outputs, Part, Ran, Runner, Stacked, Work
from service.batching.forecast import Forecast
from service.batching.latency import Latency
from service.batching.padding import Geometry, Row
from service.batching.places import Place, Places
from service.batching.policy import BatchPolicy
from service.batching.tuning import Tuner
from service.batching.turns import Turns
from service.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Problem, ServiceError, ShuttingDown
from service.events import BatchRan, CallDropped, Emit, Event

log = structlog.get_logger("manifold.batching")

STAGE_FROM = 0.0005
"""Seconds of padding from which on the next batch is padded while one runs; below, handing it over costs as much."""


@dataclass(frozen=True, slots=True)
class Running:
    """A batch on the device, and when it should be done."""

    batch: Batch[Waiting]
    place: int
    queued: tuple[float, ...]
    began: float
    expected: float


class Batcher:
    """Batches the calls of one model version. To be used from one event loop, whose time its deadlines are in."""

    def __init__(
        self,
        model: str,
        version: int,
        servable: Runner,
        policy: BatchPolicy,
        emit: Emit,
        turns: Turns | None = None,
        latency: Latency | None = None,
        replicas: Sequence[Place] = (),
    ) -> None:
        """`turns` are shared with the other models of the device; `latency` is what was measured before.

        `replicas` run in place of the servable, each in the turns of its device; `instances` are those of all together.
        """
        self._model = model
        self._version = version
        self._emit = emit
        self._known_heads = frozenset(servable.signature.head_names)
        self._geometry = Geometry(servable.signature, policy.buckets)
        self._policy = replace(policy, max_batch_size=1, max_queue_delay=0.0) if self._geometry.is_mixing else policy
        self.latency = latency or Latency()
        self.tuner = Tuner(self._policy, self.latency)
        self._queue: BatchQueue[Waiting] = BatchQueue(self._geometry, self.tuner, policy.max_queue_size)
        self._replicas = replicas or [Place(servable, turns or Turns(policy.instances))]
        self._works = [Work(each.runner, policy.buckets, lambda ticket: ticket.call.is_over) for each in self._replicas]
        self._turns = Places(self._replicas, policy.instances)
        self._threads = ThreadPoolExecutor(policy.instances + 1, f"{model}-{version}")
        self._running: dict[asyncio.Future[Ran], Running] = {}
        self._staged: Batch[Waiting] | None = None
        self._stacked: Stacked | None = None
        self._staging: asyncio.Future[Stacked] | None = None
        self._pad_seconds = 0.0
        self._usual_elements = 1
        self._is_pump_due = False
        self._is_turn_due = False
        """Whether something could run but for another model's turn."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._emptied = asyncio.Event()
        # What runs by itself belongs to no request, though some request's turn of the loop may have set it off.
        self._context = contextvars.Context()

    def __repr__(self) -> str:
        closed = " closed" if self._is_closed else ""
        counts = f"{self._queue.calls} calls, {self.pending_rows} rows waiting, {self.running} running"
        return f"<Batcher [{counts}]{closed}>"

    @property
    def pending_rows(self) -> int:
        """Rows that wait for the device."""
        staged = self._staged.tickets if self._staged else ()
        return self._queue.rows + sum(len(ticket.places) for ticket in staged if not ticket.call.is_over)

    @property
    def running(self) -> int:
        """Batches that run."""
        return len(self._running)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nobody waits, here or for the turns that it shares."""
        return not self._running and not self.pending_rows and self._turns.is_free

    async def submit(
        self, rows: Sequence[Row], heads: Collection[str], deadline: float, priority: int = NORMAL
    ) -> Outputs:
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
        call = Waiting(rows, wanted, deadline, priority, future=loop.create_future())
        self._queue.add(call, loop.time())
        self._usual_elements = call.tickets[0].elements
        self.tuner.arrived(len(rows), loop.time())
        self._pump_soon(loop)
        try:
            return await call.future
        finally:
            # Still open here only when the caller was cancelled.
            self._settle(call, None, "cancelled")
            del call  # or an error would know its call, by way of this frame, and the call its error

    def forecast(self, rows: Sequence[Row], priority: int = NORMAL) -> Forecast:
        """What would become of a request with these rows if it came now; with none, of one as the last that came."""
        latency = self.latency
        if not latency.is_known:
            return Forecast()
        wait = self._wait(priority)
        alone, together = 0.0, 0.0
        for elements, count in (self._sizes(rows) if rows else {self._usual_elements: 1}).items():
            most = self.tuner.max_rows(elements)
            batches, rest = divmod(count, most)
            sizes = [most] * batches + ([rest] if rest else [])
            alone += sum(latency.at_best(size, elements) for size in sizes)
            # Behind others it shares a batch with them.
            company = self.pending_rows if wait else 0
            together += sum(latency.seconds(min(most, size + company), elements) for size in sizes)
        return Forecast(wait, together, alone if rows else 0.0)

    def describe(self) -> dict[str, Any]:
        """How it batches and what that rests on, for people. Times are seconds."""
        return {
            "max_batch_size": self._policy.max_batch_size,
            "rows_by_row_elements": {str(elements): rows for elements, rows in self.tuner.sizes.items()},
            "max_queue_delay": self._policy.max_queue_delay,
            "max_queue_delay_now": self.tuner.max_queue_delay,
            "max_queue_size": self._policy.max_queue_size,
            "latency_target": self._policy.latency_target,
            "instances": self._policy.instances,
            "measured": [asdict(each) for each in self.latency.measured()],
        }

    def _sizes(self, rows: Sequence[Row]) -> dict[int, int]:
        sizes: dict[int, int] = {}
        for row in rows:
            elements = self._geometry.elements(row, self._geometry.lengths(row))
            sizes[elements] = sizes.get(elements, 0) + 1
        return sizes

    def _wait(self, priority: int) -> float:
        """Seconds until the device has time for a newcomer."""
        instances = self._policy.instances
        if self.running < instances and not self._is_turn_due:
            return 0.0
        now = asyncio.get_running_loop().time()
        free = min((max(0.0, each.expected - now) for each in self._running.values()), default=0.0)
        waiting = self.latency.work(*self._queue.ahead(priority))
        if self._staged is not None:
            waiting += self.latency.seconds(self._staged.size, self._staged.elements)
        return (free + waiting / instances) * self._turns.stretch(self)

    def wake(self) -> None:
        """A turn on the device has become free."""
        self._pump_soon(asyncio.get_running_loop())

    def _pump_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once the loop has gone round, so that calls which come in the same round share the first batch."""
        if not self._is_pump_due:
            self._is_pump_due = True
            loop.call_soon(self._pump, context=self._context)

    def _pump(self) -> None:
        """Ends what is late, starts what can run, and sees to it that it is called again in time."""
        self._is_pump_due = False
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in self._queue.expire(now):
            self._settle(call, DeadlineExceeded("its time passed before there was an answer"), "expired")
        while self.running < self._policy.instances and self._start_next(loop, now):
            pass
        if self.running >= self._policy.instances:
            self._stage(loop, now)
        if not self.pending_rows:
            self._turns.withdraw(self)
        self._set_timer(loop)

    def _start_next(self, loop: asyncio.AbstractEventLoop, now: float) -> bool:
        """Starts a batch, the padded one first. False when there is none, or when it is another model's turn."""
        self._is_turn_due = False
        if self._staging is not None:
            return False
        if not self.pending_rows:
            self._staged = self._stacked = None  # everyone in it has left
            return False
        place = self._turns.claim(self)
        if place is None:
            self._is_turn_due = True
            return False
        batch = self._staged or self._queue.take(now)
        stacked, self._staged, self._stacked = self._stacked, None, None
        if batch is None:
            self._turns.done(self, place, 0, 0.0)
            return False
        # Those who left meanwhile, or were cancelled in this round of the loop, do not run.
        kept = tuple(ticket for ticket in batch.tickets if not ticket.call.is_over)
        if not kept:
            self._turns.done(self, place, 0, 0.0)
            return True
        if len(kept) < len(batch.tickets):
            batch, stacked = replace(batch, tickets=kept), None
        self._start(loop, batch, place, stacked, now)
        return True

    def _start(
        self, loop: asyncio.AbstractEventLoop, batch: Batch[Waiting], place: int, stacked: Stacked | None, now: float
    ) -> None:
        for ticket in batch.tickets:
            ticket.call.started += len(ticket.places)
        queued = tuple(now - ticket.since for ticket in batch.tickets)
        expected = now + self.latency.seconds(batch.size, batch.elements)
        work = loop.run_in_executor(self._threads, self._works[place].execute, batch, stacked)
        self._running[work] = Running(batch, place, queued, now, expected)
        work.add_done_callback(self._finish, context=self._context)

    def _stage(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        """Pads the next batch while one runs, once it is full: until then others may still come along."""
        if self._staged is not None or self._pad_seconds < STAGE_FROM:
            return
        batch = self._queue.take(now, full_only=True)
        if batch is not None:
            self._staged = batch
            self._staging = loop.run_in_executor(self._threads, self._works[0].stack, batch)
            self._staging.add_done_callback(self._on_staged, context=self._context)

    def _on_staged(self, staging: asyncio.Future[Stacked]) -> None:
        self._staging = None
        # Rows that cannot be stacked are found again when they run, where the culprit is told apart.
        self._stacked = None if staging.exception() else staging.result()
        self._pump()

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all. One that goes off early does no harm, so it is only ever moved forward."""
        is_busy = self._is_turn_due or self._staging is not None or self.running >= self._policy.instances
        moment = self._queue.wake_at(busy=is_busy)
        if moment is None or (self._timer is not None and self._timer.when() <= moment):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(moment, self._on_timer, context=self._context)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _finish(self, work: asyncio.Future[Ran]) -> None:
        """Back on the loop: hands each ticket its part, and goes on whatever happened."""
        running = self._running.pop(work)
        error = work.exception()
        failure = Failure(error) if error else None
        ran = Ran([failure] * len(running.batch.tickets), failed=True) if failure else work.result()
        seconds = asyncio.get_running_loop().time() - running.began
        self._turns.done(self, running.place, running.batch.size, seconds)
        try:
            for ticket, part in zip(running.batch.tickets, ran.parts, strict=True):
                self._deliver(ticket, part)
            self._learn(running.batch, ran)
            self._tell_of(running, ran)
        finally:
            self._pump()

    def _learn(self, batch: Batch[Waiting], ran: Ran) -> None:
        self._pad_seconds += 0.2 * (ran.pad_seconds - self._pad_seconds)
        if not ran.failed:
            self.latency.observe(batch.size, batch.elements, ran.compute_seconds)
            self.tuner.observe(batch.size, batch.elements)

    def _tell_of(self, running: Running, ran: Ran) -> None:
        self._tell(
            BatchRan(
                model=self._model,
                version=self._version,
                rows=running.batch.size,
                padding_rows=ran.padding_rows,
                queue_seconds=running.queued,
                pad_seconds=ran.pad_seconds,
                compute_seconds=ran.compute_seconds,
                failed=ran.failed,
                device=self._replicas[running.place].device,
            )
        )

    def _deliver(self, ticket: Ticket[Waiting], part: Part) -> None:
        call = ticket.call
        if isinstance(part, Failure):
            if not call.settled:
                self._log_failure(ticket, part)
            where = f", row {part.place}" if len(call.rows) > 1 and part.place is not None else ""
            self._settle(call, InferenceFailed(f"the model raised {type(part.error).__name__} on this request{where}"))
            return
        call.fill(ticket.places, part)
        if call.answered == len(call.rows):
            self._settle(call, call.outputs)

    def _log_failure(self, ticket: Ticket[Waiting], failure: Failure) -> None:
        rows = Batch((ticket,)).rows
        told = {
            "model": self._model,
            "version": self._version,
            "rows": len(rows),
            "row": failure.place,
            "shapes": sorted({(name, np.shape(value)) for row in rows for name, value in row.items()}),
            "heads": sorted(ticket.call.heads),
            "exc_info": failure.error,
        }
        # Whatever was bound around the request must not keep its neighbours from their answers.
        bound = {name: value for name, value in ticket.call.context.items() if name not in ("event", *told)}
        log.error("the model raised", **bound, **told)

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
            rows = len(call.rows) - call.started
            self._tell(CallDropped(self._model, self._version, dropped, rows, call.request_id))

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
        self._turns.leave(self)
        self._threads.shutdown(wait=not self._running)

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
