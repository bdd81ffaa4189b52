"""Where a body is read: on the event loop where that takes microseconds, else on a thread, photos in turns.

Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from service.api.photo_turns import PhotoTurns
from service.codec.nested_json import Call, ModelCodec
from service.errors import DeadlineExceeded

LARGE = 64 * 1024
"""Bytes of a body from which on it is read on a thread, so that the others need not wait for it."""
PHOTOS_AT_ONCE = min(4, os.cpu_count() or 1)
"""Photos that are decoded at once. Of 50 million pixels, a WebP takes up to 850 MiB meanwhile, a PNG 400."""

Steps = Iterator[int | Call]


class Decoder:
    """Reads bodies. Photos have threads of their own, and few: a small file can be a large picture.

    A request gives its thread away after each photo and goes to the end of the line, so that one with a hundred holds
    up one with a single photo by one photo, not by a hundred.
    """

    def __init__(self, threads: int = PHOTOS_AT_ONCE) -> None:
        self._bodies = ThreadPoolExecutor(threads, "bodies")
        self._photos = ThreadPoolExecutor(threads, "photos")
        self._turns = PhotoTurns(threads)

    def __repr__(self) -> str:
        return f"<Decoder {self._turns}>"

    @property
    def pending(self) -> int:
        """Photos that wait or are being decoded."""
        return self._turns.pending

    def forecast(self) -> float:
        """Seconds until the first photo of a request that comes now is decoded, as things stand."""
        return self._turns.forecast()

    def waiting_time(self, codec: ModelCodec) -> float:
        """Seconds until a request that comes now is read."""
        return self.forecast() if codec.takes_photos else 0.0

    async def decode(self, codec: ModelCodec, body: bytes, deadline: float) -> Call:
        """Raises InvalidInput, and DeadlineExceeded when its turn or its end does not come in time.

        Who is cancelled, or late, stops before its next photo.
        """
        if len(body) < LARGE and not codec.takes_photos:
            return codec.decode(body)
        if deadline <= time.monotonic():
            raise DeadlineExceeded("its time passed before it was read")
        abandoned = threading.Event()
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._step_by_step(codec, body, abandoned.is_set)
        except TimeoutError:
            raise DeadlineExceeded("its time passed before it was read") from None
        finally:
            abandoned.set()

    async def _step_by_step(self, codec: ModelCodec, body: bytes, is_abandoned: Callable[[], bool]) -> Call:
        """Whoever has no photos stands in no line, whatever the model could take."""
        loop = asyncio.get_running_loop()
        if len(body) < LARGE:
            steps, came = begin(codec, body, is_abandoned)
        else:
            steps, came = await loop.run_in_executor(self._bodies, begin, codec, body, is_abandoned)
        try:
            while not isinstance(came, Call):
                self._turns.wait(steps, came)
                came, seconds = await loop.run_in_executor(self._photos, step, steps)
                self._turns.took(seconds)
            return came
        finally:
            self._turns.leave(steps)


def begin(codec: ModelCodec, body: bytes, is_abandoned: Callable[[], bool]) -> tuple[Steps, int | Call]:
    """Everything but the photos."""
    steps = codec.steps(body, is_abandoned)
    return steps, next(steps)


def step(steps: Steps) -> tuple[int | Call, float]:
    """One photo, and the seconds it took."""
    began = time.monotonic()
    return next(steps), time.monotonic() - began
