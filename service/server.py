"""uvicorn, with an end that loses nothing: not ready first, then not listening, then the last answers."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog
import uvicorn

from service.app import Parts, build_app, build_door
from service.protocol import behind
from service.threads import favour_loop

log = structlog.get_logger("manifold")

LAST_WORDS = 0.25
"""Seconds that an open connection has to send its request once the service has stopped listening."""
ACCEPTED_AT_ONCE = 128
"""Connections that are taken in one turn of the event loop. libuv takes one for each listening handle: when turns are
long, those who have no connection yet would wait for seconds, while those who have one are served."""
BACKLOG = 2048
"""Connections that wait to be taken."""


class Server(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM and SIGINT; a second SIGINT ends it at once."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._parts.admission.is_draining or self._loop is None:
            # A second SIGTERM asks for what is being done already; a second Ctrl-C is a person who will not wait.
            if sig == signal.SIGINT or self._loop is None:
                self.should_exit = self.force_exit = True
            return
        self._parts.admission.drain()
        delay = self._parts.settings.limits.drain_delay if sig == signal.SIGTERM else 0.0
        log.info("draining", signal=signal.Signals(sig).name, in_flight=self._parts.admission.in_flight)
        self._loop.call_soon_threadsafe(self._loop.call_later, delay, self._stop_listening)

    def _stop_listening(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, answers those who had connected by then, and ends.

        A connection that the kernel took and nobody read would be reset when the socket closes, and one that is idle
        when uvicorn ends it may just be sending: so the first are taken, and both get a moment to say what they want.
        """
        connected = [connection for listening in sockets or [] for connection in take_all(listening)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in connected:
            await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(LAST_WORDS)
        self._parts.admission.stop_reading()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        return made


def take_all(listening: socket.socket) -> list[socket.socket]:
    """The connections that wait to be taken, without waiting for more."""
    listening.setblocking(False)
    taken = []
    with suppress(OSError):
        while True:
            taken.append(listening.accept()[0])
    for connection in taken:
        connection.setblocking(False)
    return taken


def open_socket(host: str, port: int) -> socket.socket:
    """Listens before anything is loaded: a taken port is known at once, and the first callers wait. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def serve(parts: Parts, listening: socket.socket) -> None:
    """Serves until a signal says to stop."""
    favour_loop()
    limits = parts.settings.limits
    config = uvicorn.Config(
        build_app(parts),
        http=behind(build_door(parts)),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(limits.drain_timeout) + 1,
    )
    Server(config, parts).run(sockets=[listening, *(listening.dup() for _ in range(ACCEPTED_AT_ONCE - 1))])
