"""Where a body is read: on the event loop where that takes microseconds, else on a thread. Knows no HTTP."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from service.codec.nested_json import Call, ModelCodec
from service.errors import DeadlineExceeded

LARGE = 64 * 1024
"""Bytes of a body from which on it is read on a thread, so that the others need not wait for it."""
PHOTOS_AT_ONCE = min(4, os.cpu_count() or 1)
"""Bodies with photos that are read at once. Of 50 million pixels, a WebP takes up to 850 MiB meanwhile, a PNG 400."""


class Decoder:
    """Reads bodies. Photos have threads of their own, and few: a small file can be a large picture."""

    def __init__(self) -> None:
        self._photos = ThreadPoolExecutor(PHOTOS_AT_ONCE, "photos")

    async def decode(self, codec: ModelCodec, body: bytes, deadline: float) -> Call:
        """Raises InvalidInput, and DeadlineExceeded when its turn or its end does not come in time."""
        if len(body) < LARGE and not codec.takes_photos:
            return codec.decode(body)
        abandoned = threading.Event()
        threads = self._photos if codec.takes_photos else None
        reading = asyncio.get_running_loop().run_in_executor(threads, codec.decode, body, abandoned.is_set)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await reading
        except TimeoutError:
            raise DeadlineExceeded("its time passed before it was read") from None
        finally:
            abandoned.set()
