"""An HTTP server on a loopback socket behind a door, and callers that say exactly what they are told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState


async def until(is_true: Callable[[], object]) -> None:
    while not is_true():
        await anyio.lowlevel.checkpoint()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, *parts: bytes) -> None:
        """Each in a packet of its own, as far as the kernel has it so."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await anyio.lowlevel.checkpoint()

    async def heard(self) -> Reply:
        """The next response. Raises asyncio.IncompleteReadError when the server hangs up instead."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Reply(int(status), headers, body)

    async def asks(self, *parts: bytes) -> Reply:
        await self.say(*parts)
        return await self.heard()

    async def rest(self) -> bytes:
        """What comes until the server hangs up."""
        return await self._reader.read()

    def hang_up(self, *, rudely: bool = False) -> None:
        if rudely:
            its: socket.socket = self._writer.get_extra_info("socket")
            its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.close()

    async def end(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Site:
    """An application that is served."""

    def __init__(self, app: ASGIApp, protocol: type[HttpToolsProtocol], **config: Any) -> None:
        self._config = uvicorn.Config(
            app, http=protocol, lifespan="off", log_config=None, access_log=False, server_header=False, **config
        )
        self._config.load()
        self._protocol = protocol
        self._callers: list[Caller] = []
        self.state = ServerState()
        self.made: list[HttpToolsProtocol] = []
        self.port = 0

    def _make(self) -> HttpToolsProtocol:
        self.made.append(self._protocol(self._config, self.state, {}))
        return self.made[-1]

    async def caller(self, buffer: int | None = None) -> Caller:
        """With so many bytes, about, between what the server writes and what the caller reads."""
        its = socket.socket()
        if buffer is not None:
            its.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        its.setblocking(False)
        await asyncio.get_running_loop().sock_connect(its, ("127.0.0.1", self.port))
        self._callers.append(Caller(*await asyncio.open_connection(sock=its)))
        if buffer is not None:
            await until(lambda: len(self.made) == len(self._callers) and self.made[-1].transport)
            self.made[-1].transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        return self._callers[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        """In the end everybody has hung up, and nothing of any request is left."""
        server = await asyncio.get_running_loop().create_server(self._make, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for caller in self._callers:
                await caller.end()
            await until(lambda: not self.state.connections and not self.state.tasks)
            for each in self.made:
                each._unset_keepalive_if_required()
