"""How much the generator can do: asked of a server that does nothing but answer, in a process of its own.

What is measured of a service must stay well below that, or it is the generator that was measured.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from typing import cast

import httptools
import uvloop

from benchmarks import ROOT
from benchmarks.closed_loop import closed_loop
from benchmarks.connection import request
from benchmarks.pool import Pool

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CALLERS = 64
SECONDS = 1.0


class Trivial(asyncio.Protocol):
    """Answers every request at once, and always the same."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(ANSWER)


async def serve() -> None:
    """Prints its port, and serves until it is ended."""
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def find_ceiling(body_bytes: int, callers: int = CALLERS, seconds: float = SECONDS) -> float:
    """Requests a second, each with a body of that size."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.ceiling", stdout=PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with Pool(f"http://127.0.0.1:{port}") as pool:
            samples = await closed_loop(pool, [request("/nothing", b"x" * body_bytes)], callers, seconds, seconds)
    finally:
        process.terminate()
        await process.wait()
    return sum(sample.status == 200 for sample in samples) / seconds


if __name__ == "__main__":
    uvloop.run(serve())
