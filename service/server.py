"""uvicorn, with an end that loses nothing: not ready first, then not listening, then the last answers."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType

import structlog
import uvicorn

from service.app import Parts, build_app

log = structlog.get_logger("manifold")


class Server(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM and SIGINT; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._parts.admission.is_draining or self._loop is None:
            self.should_exit = self.force_exit = True
            return
        self._parts.admission.drain()
        delay = self._parts.settings.limits.drain_delay if sig == signal.SIGTERM else 0.0
        log.info("draining", signal=signal.Signals(sig).name, in_flight=self._parts.admission.in_flight)
        self._loop.call_soon_threadsafe(self._loop.call_later, delay, self._stop_listening)

    def _stop_listening(self) -> None:
        self.should_exit = True


def open_socket(host: str, port: int) -> socket.socket:
    """Bound before anything is loaded, so that a taken port is known at once. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def serve(parts: Parts, listening: socket.socket) -> None:
    """Serves until a signal says to stop."""
    limits = parts.settings.limits
    config = uvicorn.Config(
        build_app(parts),
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=int(limits.drain_timeout) + 1,
    )
    Server(config, parts).run(sockets=[listening])
