"""Whether a request may enter: room for one more, and not on the way out. Knows no models and no queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Overloaded, ShuttingDown


class Admission:
    """Counts the requests that are inside. `drain` ends readiness; `close` ends admission."""

    def __init__(self, max_in_flight: int, retry_after: float = 1.0) -> None:
        self._max_in_flight = max_in_flight
        self._retry_after = retry_after
        self._in_flight = 0
        self._draining = False
        self._closed = False

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
