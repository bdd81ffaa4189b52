"""Reads a request's body within its limit, and tells when the caller has gone."""

from __future__ import annotations

from starlette.types import Receive, Scope

from service.api.context import header
from service.errors import TooLarge


class Disconnected(Exception):
    """The caller hung up before the whole body had come."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Raises TooLarge as soon as the body is known to exceed `limit` bytes, Disconnected."""
    declared = header(scope["headers"], b"content-length")
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge(f"the body has {int(declared[:20]):,} bytes; the limit is {limit:,}")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body has more than {limit:,} bytes, the limit")
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def disconnected(receive: Receive) -> None:
    """Returns when the caller has gone. Call it once the body is read."""
    while (await receive())["type"] != "http.disconnect":
        pass
