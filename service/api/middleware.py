"""Around every request: its id in and out, one log line, and an answer even to what nobody foresaw."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.context import KEY, REQUEST_ID, Context, request_id
from service.api.errors import error_response

log = structlog.get_logger("manifold.http")

PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines, whatever the answer: not worth a line."""


class RequestContext:
    """Outermost of the application. `is_draining` closes connections while the service looks for its end."""

    def __init__(self, app: ASGIApp, *, log_all: bool, is_draining: Callable[[], bool]) -> None:
        self._app = app
        self._log_all = log_all
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = Context(request_id(scope["headers"]), time.monotonic())
        scope[KEY] = context
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, context.request_id.encode())]
                if self._is_draining():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=context.request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("unforeseen error", method=scope["method"], path=scope["path"])
                if not status:
                    refusal = error_response(500, "internal_error", "an error nobody foresaw", context.request_id)
                    await refusal(scope, receive, send_with_id)
            self._note(scope, status, time.monotonic() - context.came)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # Under overload a line for each would cost more than the refusals: `logs` counts them.
        if scope["path"] in PROBES or status == 429:
            return
        if status >= 500 and status != 503:  # who came too early or too late is no fault of ours
            write = log.error
        elif status >= 400 or not status:
            write = log.warning
        elif self._log_all:
            write = log.info
        else:
            return
        outcome = {"status": status} if status else {"outcome": "caller left"}
        write("request", method=scope["method"], path=scope["path"], seconds=round(seconds, 6), **outcome)
