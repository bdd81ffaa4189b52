"""Requests whose photos are decoded in turns, and how long a newcomer waits for its first. Knows no threads, no clock.

Whoever has photos left stands in line for one at a time, so the line is as long as there are requests in it.
"""

from __future__ import annotations

WEIGHT = 0.2
"""Of the newest step in the running mean."""


class PhotoTurns:
    """Is told how many photos each request has left, and how long each step took."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._left: dict[object, int] = {}
        self._seconds: float | None = None

    def __repr__(self) -> str:
        return f"<PhotoTurns [{len(self._left)} requests, {self.pending} photos, {self.seconds:.3g} s each]>"

    @property
    def pending(self) -> int:
        """Photos to decode, those at work among them."""
        return sum(self._left.values())

    @property
    def seconds(self) -> float:
        """A photo takes on one thread; 0 as long as none was decoded."""
        return self._seconds or 0.0

    def wait(self, request: object, left: int) -> None:
        """The request stands in line, with so many photos left."""
        self._left[request] = left

    def took(self, seconds: float) -> None:
        """A photo was decoded."""
        self._seconds = seconds if self._seconds is None else self._seconds + WEIGHT * (seconds - self._seconds)

    def leave(self, request: object) -> None:
        """It has no photos left, or nobody waits for it."""
        self._left.pop(request, None)

    def forecast(self) -> float:
        """Seconds until the first photo of a request that comes now is decoded; 0 while a thread is free for it.

        That is no promise of how long its own photo takes: a mean of large ones must not turn away a small one that
        nobody holds up.
        """
        ahead = len(self._left) - self._threads + 1
        return (ahead / self._threads + 1) * self.seconds if ahead > 0 else 0.0
