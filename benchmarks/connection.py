"""One HTTP/1.1 connection as a load generator needs it: bytes out, replies in. Knows no URL and no time.

httpx spends milliseconds of processor time on a request once its pool holds some dozen connections, which would be
taken from the service that is measured on the same machine; this spends some ten microseconds.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import httptools
import orjson


class Lost(ConnectionError):
    """The connection ended before the answer."""


class Reply(NamedTuple):
    """`retry_after` is in seconds."""

    status: int
    retry_after: float | None
    request_id: str
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


def request(path: str, body: bytes = b"", **headers: object) -> bytes:
    """A whole request; a header's underscores stand for hyphens."""
    named = {"host": "benchmarks", **headers, "content_length": len(body)}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    head = "\r\n".join([f"{'POST' if body else 'GET'} {path} HTTP/1.1", *lines, "\r\n"])
    return head.encode() + body


def predict(model: str, body: Mapping[str, object], **headers: object) -> bytes:
    return request(f"/models/{model}/predict", orjson.dumps(body), **headers)


class Connection(asyncio.Protocol):
    """Replies come in the order of the requests, of which several may be on their way."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self.is_open = False
        self.idle_since = 0.0
        """For whoever keeps connections."""

    @classmethod
    async def to(cls, host: str, port: int) -> Connection:
        """Raises OSError."""
        _, made = await asyncio.get_running_loop().create_connection(cls, host, port)
        return made

    def send(self, *requests: bytes) -> list[asyncio.Future[Reply]]:
        """Hands the requests to the kernel at once. The replies raise Lost when the connection ends before them."""
        loop = asyncio.get_running_loop()
        replies = [loop.create_future() for _ in requests]
        if self.is_open:
            self._waiting.extend(replies)
            self._transport.writelines(requests)
        else:
            for reply in replies:
                reply.set_exception(Lost("the connection was closed before the request was sent"))
        return replies

    async def ask(self, request: bytes) -> Reply:
        """Raises Lost."""
        return await self.send(request)[0]

    @property
    def is_written(self) -> bool:
        """Whether the kernel has everything that was sent."""
        return self._transport.get_write_buffer_size() == 0

    @property
    def is_asked(self) -> bool:
        """Whether a reply is still to come."""
        return bool(self._waiting)

    def close(self) -> None:
        """Hangs up: the other side reads an end of file."""
        if self.is_open:
            self.is_open = False
            self._transport.close()

    def reset(self) -> None:
        """Hangs up as a process does that is killed."""
        if self.is_open:
            raw = cast(socket.socket, self._transport.get_extra_info("socket"))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.is_open = False
            self._transport.abort()

    # What the event loop and the parser call.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        headers, body = self._headers, b"".join(self._body)
        self._headers, self._body = {}, []
        later = headers.get(b"retry-after")
        waiting = self._waiting.popleft()
        if not self._parser.should_keep_alive():
            self.close()
        if not waiting.done():
            request_id = headers.get(b"x-request-id", b"").decode("latin-1")
            status = self._parser.get_status_code()
            waiting.set_result(Reply(status, float(later) if later else None, request_id, body))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(Lost("the connection ended before the answer"))
