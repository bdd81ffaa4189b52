"""Connections to one address, kept for the next request. Opens one more whenever none is idle, up to a limit."""

from __future__ import annotations

import asyncio
import resource
import time
from urllib.parse import urlsplit

from benchmarks.connection import Connection, Reply

MOST = 16_384
"""Connections at once: above this the generator itself would wait, and says so by being late."""
SPARE = 128
"""Files that are no connections."""
STALE = 3.0
"""Seconds of idleness after which a connection is not used again: the service may just be closing it."""


class Pool:
    """Use it in an `async with` block, which ends its connections."""

    def __init__(self, address: str, limit: int | None = None) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._made: set[Connection] = set()
        self._idle: list[Connection] = []
        self.room = asyncio.Semaphore(limit or most_connections())
        """To be held by whoever uses a connection."""

    def __repr__(self) -> str:
        return f"<Pool [{len(self._idle)} idle connections]{' full' if self.room.locked() else ''}>"

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *error: object) -> None:
        for connection in self._made:
            connection.close()

    async def ask(self, request: bytes) -> Reply:
        """Raises OSError, of which Lost is one."""
        async with self.room:
            return await self.ask_now(request)

    async def ask_now(self, request: bytes) -> Reply:
        """For whoever has room already."""
        connection = self._kept() or await self.connect()
        try:
            return await connection.ask(request)
        finally:
            self._keep(connection)

    async def connect(self) -> Connection:
        """One more, which nobody else is given. Raises OSError."""
        made = await Connection.to(self._host, self._port)
        self._made.add(made)
        return made

    def _kept(self) -> Connection | None:
        """The one that was used last: those below it have been idle for longer."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and time.monotonic() - connection.idle_since < STALE:
                return connection
            connection.close()
            self._made.discard(connection)
        return None

    def _keep(self, connection: Connection) -> None:
        if connection.is_asked:
            connection.reset()  # its answer would be taken for that of the next request
        if connection.is_open:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            self._made.discard(connection)


def most_connections() -> int:
    """As many as the system lets this process have, asked for in full, up to `MOST`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST + SPARE if hard == resource.RLIM_INFINITY else min(hard, MOST + SPARE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))
    return files - SPARE
