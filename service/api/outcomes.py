"""How a predict request ended, as events and, where it was refused, as a response."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.responses import Response

from service.api.context import Context
from service.api.errors import code_of, refusal
from service.errors import Overloaded, ServiceError, ShuttingDown
from service.events import Emit, RequestFinished, RequestRejected

PROTOCOL = "native"


class Outcomes:
    """`is_known` tells the models of the store from names that callers made up."""

    def __init__(self, emit: Emit, is_known: Callable[[str], bool]) -> None:
        self._emit = emit
        self._is_known = is_known

    def finished(self, context: Context, model: str, outcome: str, version: int | None = None, rows: int = 0) -> None:
        seconds = time.monotonic() - context.came
        self._emit(RequestFinished(self._named(model), version, PROTOCOL, outcome, seconds, rows))

    def refused(self, context: Context, model: str, error: ServiceError) -> Response:
        self.tell_refused(context, model, error)
        return refusal(error, context.request_id)

    def tell_refused(self, context: Context, model: str, error: ServiceError) -> None:
        if isinstance(error, Overloaded | ShuttingDown):
            reason = error.cause if isinstance(error, Overloaded) else code_of(error)
            self._emit(RequestRejected(self._named(model), reason))
        self.finished(context, model, code_of(error))

    def _named(self, model: str) -> str:
        """A name that no model has stays out of the metrics: callers could make as many as they like."""
        return model if self._is_known(model) else "unknown"
