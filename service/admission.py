"""Whether a request may enter: room for one more, and not on the way out. Knows no models and no queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from service.errors import DeadlineExceeded, Overloaded, ShuttingDown


class Admission:
    """Counts the requests that are inside. `drain` ends readiness; `close` ends admission."""

    def __init__(self, max_in_flight: int, retry_after: float = 1.0) -> None:
        self._max_in_flight = max_in_flight
        self._retry_after = retry_after
        self._in_flight = 0
        self._draining = False
        self._closed = False
        self._readers: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        phase = " closed" if self._closed else " draining" if self._draining else ""
        return f"<Admission [{self._in_flight} of {self._max_in_flight}]{phase}>"

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
            limit.reschedule(now)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Raises Overloaded, ShuttingDown."""
        if self._closed:
            raise ShuttingDown("the service is shutting down")
        if self._in_flight >= self._max_in_flight:
            raise Overloaded(f"{self._max_in_flight} requests are in flight already", self._retry_after)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
