"""Whether a request may enter: room for one more, time enough, and not on the way out. Knows no models and no queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from service.batching.forecast import Forecast
from service.errors import DeadlineExceeded, Overloaded, ShuttingDown, TooLarge

SHARE = 4
"""A model may have this many times as many requests inside as there is room left: one alone can take four fifths, two
flooded ones four ninths each, and a newcomer finds room (dynamic thresholds, Choudhury and Hahne 1998)."""
CAUTION = 1.5
"""Who has not been read yet is let in if all should be over in two thirds of the time that is left. Times are predicted
from means, and at the edge most would come a little too late, after all the work. Who has been read is only refused if
there is no hope."""
LOOP_CAUTION = 4.0
"""For the wait for the event loop, where nothing is gained by company: the more requests it has in mind, the longer
each takes."""
BEAT = 0.02
"""Seconds between two looks at the event loop."""
LATE = 0.005
"""Seconds by which a loop that keeps up may be late."""
ANSWERS = 8
"""That the time of one is taken from."""
FEW = 16
"""Requests inside that a late loop is not held against: somebody has to be let in to see that it keeps up again."""
FADING = 0.97
"""What is left of that time after each look at a loop that keeps up: it must not stick when the storm is over."""


class LoopLoad:
    """How much of the event loop one answer takes while the loop cannot keep up.

    Where HTTP itself is the limit, requests wait for the loop and not for a model: a newcomer as long as those inside
    take, one after the other. What counts is the processor time of the loop, refusals and all, not the time that
    passes: a loop that is late because few were let in would otherwise let in even fewer.
    Pure: it is told when it is and what was answered.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """For each request inside; 0 while the loop keeps up."""
        self.is_late = False
        """Whether it did not keep up when it was last looked at."""
        self._looked = 0.0
        self._used = 0.0
        self._answered = 0
        self._busy_seconds = 0.0
        self._busy_answers = 0

    def answered(self) -> None:
        self._answered += 1

    def look(self, now: float, used: float) -> None:
        """To be called a BEAT after the last time, or as soon after that as the loop comes to it.

        `used` is the processor time that the loop has had since it began.
        """
        passed, seconds, answers = now - self._looked, used - self._used, self._answered
        self._looked, self._used, self._answered = now, used, 0
        self.is_late = passed >= BEAT + LATE
        if not self.is_late:
            self.seconds *= FADING
            self._busy_seconds = self._busy_answers = 0
            return
        self._busy_seconds += seconds
        self._busy_answers += answers
        if self._busy_answers >= ANSWERS:
            each = self._busy_seconds / self._busy_answers
            self.seconds += 0.3 * (each - self.seconds) if self.seconds else each
            self._busy_seconds = self._busy_answers = 0

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        self._looked, self._used = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(BEAT)
            self.look(time.monotonic(), time.thread_time())


class Admission:
    """Counts the requests that are inside. `drain` ends readiness; `close` ends admission."""

    def __init__(self, max_in_flight: int, max_in_flight_bytes: int = 2**30, retry_after: float = 1.0) -> None:
        self.load = LoopLoad()
        self._max_in_flight = max_in_flight
        self._max_bytes = max_in_flight_bytes
        self._retry_after = retry_after
        self._in_flight = 0
        self._bytes = 0
        self._by_model: dict[str, int] = {}
        self._draining = False
        self._closed = False
        self._readers: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        phase = " closed" if self._closed else " draining" if self._draining else ""
        return f"<Admission [{self._in_flight} of {self._max_in_flight}, {self._bytes:,} bytes]{phase}>"

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def is_draining(self) -> bool:
        """Whether callers should look elsewhere. Those who come all the same are still answered."""
        return self._draining

    def drain(self) -> None:
        self._draining = True

    def close(self) -> None:
        """From here on nobody enters. Those inside stay until they are answered."""
        self._draining = self._closed = True

    @asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[None]:
        """Around the reading of a request. Raises DeadlineExceeded after `seconds`, ShuttingDown on `stop_reading`."""
        try:
            async with asyncio.timeout(seconds) as limit:
                self._readers.add(limit)
                yield
        except TimeoutError:
            if self._draining:
                raise ShuttingDown("the service is shutting down, and the request had not come whole") from None
            raise DeadlineExceeded("the request's time passed before it had come whole") from None
        finally:
            self._readers.discard(limit)

    def stop_reading(self) -> None:
        """Requests that have not come whole by now were not accepted, and are told so."""
        now = asyncio.get_running_loop().time()
        for limit in self._readers:
            if not limit.expired():  # one that is late already, and has not come round to say so, takes no new time
                limit.reschedule(now)

    @contextmanager
    def enter(self, model: str = "") -> Iterator[None]:
        """Raises Overloaded, ShuttingDown."""
        if self._closed:
            raise ShuttingDown("the service is shutting down")
        ours, room = self._by_model.get(model, 0), self._max_in_flight - self._in_flight
        if room <= 0:
            raise Overloaded(f"{self._max_in_flight:,} requests are in flight already", self._retry_after, "in_flight")
        if ours >= SHARE * room:
            told = f"{ours:,} requests of {model!r} are in flight already, its share of {self._max_in_flight:,}"
            raise Overloaded(told, self._retry_after, "fair_share")
        self._in_flight += 1
        self._by_model[model] = ours + 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._by_model[model] -= 1
            if not self._by_model[model]:
                del self._by_model[model]

    @contextmanager
    def holding(self, size: int, besides: int = 0) -> Iterator[None]:
        """Around the time that a request keeps so many bytes, `besides` those that it holds already.

        Raises TooLarge for what would not fit if it were alone, Overloaded.
        """
        if size + besides > self._max_bytes:
            raise TooLarge(f"the request takes {size + besides:,} bytes of memory; the limit is {self._max_bytes:,}")
        if self._bytes + size > self._max_bytes:
            told = f"requests in flight take {self._bytes:,} of {self._max_bytes:,} bytes, and this one {size:,}"
            raise Overloaded(told, self._retry_after, "memory")
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size

    def _loop_wait(self, model: str, inside: int) -> float:
        """Seconds until the loop has done its part for those of the model, if every model gets an equal share of it.

        Those whom only the server knows are shared out in proportion: a flood makes the flooded model wait, not others.
        """
        ours, models = self._by_model.get(model, 0), len(self._by_model.keys() | {model})
        unknown = max(0, inside - self._in_flight)
        ours_of_unknown = unknown * ours / self._in_flight if self._in_flight else unknown
        return ((ours + ours_of_unknown) * models - FEW) * self.load.seconds

    def judge(
        self,
        forecast: Forecast,
        left: float,
        inside: int = 0,
        before: float = 0.0,
        *,
        model: str = "",
        is_new: bool = True,
    ) -> None:
        """Whether a request that has `left` seconds can be answered; `before` it is queued, so many pass.

        `inside` counts the requests that a server has begun with, as far as it knows better: some come in the same turn
        of the loop, and none of them has entered here when the next one is judged.
        Raises DeadlineExceeded when it could not be with nobody before it, Overloaded when others are the reason.
        """
        if forecast.alone > left:
            raise DeadlineExceeded(f"{left:.3g} s are left, and the model alone needs {forecast.alone:.3g} s")
        wait, needed = forecast.wait, forecast.wait + forecast.compute
        if is_new:
            queued, looped = before + forecast.wait, self._loop_wait(model, inside)
            wait = max(queued, looped)
            behind_others = CAUTION * (queued + forecast.compute) if queued else 0.0
            needed = max(behind_others, LOOP_CAUTION * looped + forecast.compute)
        if wait > 0 and needed > left:
            told = f"{left:.3g} s are left, and an answer would take about {wait + forecast.compute:.3g} s"
            raise Overloaded(told, wait, "predicted_wait")
