"""A service that does nothing but what a test tells it to, on a real socket in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools
import pytest

Decide = Callable[["Asked"], None]


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Told", f"content-length: {len(body)}", *headers, "\r\n"]
    return "\r\n".join(lines).encode() + body


class Asked(asyncio.Protocol):
    """One connection of the server's side. `body` and `path` are of the request that came last."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.path = ""
        self.body = b""
        self.ended: Exception | str = ""
        """What the connection ended with, if that was no error `"end of file"`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._server.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path, self.body = "", b""

    def on_url(self, url: bytes) -> None:
        self.path += url.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._server.requests += 1
        self._server.decide(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = error or "end of file"
        self._server.left.set()

    def say(self, status: int = 200, body: bytes = b"{}", *headers: str) -> None:
        self.transport.write(answer(status, body, *headers))


class Server:
    """`decide` is called with each request; by default it answers 200 at once."""

    def __init__(self) -> None:
        self.decide: Decide = Asked.say
        self.connections: list[Asked] = []
        self.requests = 0
        self.left = asyncio.Event()
        self.address = ""

    async def listen(self) -> asyncio.Server:
        server = await asyncio.get_running_loop().create_server(lambda: Asked(self), "127.0.0.1", 0)
        self.address = "http://{}:{}".format(*server.sockets[0].getsockname())
        return server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await made.listen()
    yield made
    listening.close()
    for connection in made.connections:
        connection.transport.abort()
    await listening.wait_closed()
