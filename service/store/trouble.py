"""What goes wrong with a store that is elsewhere, and how long to wait for it. Knows no file system."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

T = TypeVar("T")


class StoreUnavailable(OSError):
    """The store, or the disk of its cache, did not do its part. A later look may succeed though no file has changed."""


class Patience:
    """Waits for calls that may hang, up to `timeout` seconds each. A call that hangs is left to its own thread, which
    nobody waits for, not even the end of the process."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._closed: Future[Any] = Future()  # of any type: it is waited for beside those of others

    def call(self, work: Callable[[], T]) -> T:
        """Raises StoreUnavailable when it takes too long or the service ends, and what the work raises."""
        return self.wait_for(begin(work))

    def wait_for(self, call: Future[T]) -> T:
        """The same for a call that has begun; it can be waited for again."""
        wait([call, self._closed], self._timeout, FIRST_COMPLETED)
        if call.done():
            return call.result()
        self._refuse_after_the_end()
        raise StoreUnavailable(f"no answer within {self._timeout:g} seconds")

    def pause(self, seconds: float) -> None:
        """Raises StoreUnavailable when the service ends meanwhile."""
        wait([self._closed], seconds)
        self._refuse_after_the_end()

    def close(self) -> None:
        """Whoever waits is told at once."""
        if not self._closed.done():
            self._closed.set_result(None)

    def _refuse_after_the_end(self) -> None:
        if self._closed.done():
            raise StoreUnavailable("the service is going away")


def begin(work: Callable[[], T]) -> Future[T]:
    """Runs it on a thread that does not keep the process alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="store", daemon=True).start()
    return future
