"""HTTP/1.1 as uvicorn speaks it, with a door before it: a refusal there costs a fraction of what ASGI makes of it.

Everything but refusals is uvicorn's own. It is held to uvicorn's way of calling back, which the tests check.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.door import LET_IN, LOOKED_AHEAD, Door

MOST_PIPELINED = 64
"""Requests of one connection that may wait for their turn before it is no longer read."""


class DoorProtocol(HttpToolsProtocol):
    """One connection. `door` is set by `behind`."""

    door: Door
    _answered: RequestResponseCycle | None = None
    """The request that the application is at; in a pipeline `cycle` is the one that came last."""
    _is_refusing = False
    """Whether the rest of this request is of no interest any more: it was answered already."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_refusing:  # a body that nobody waits for has to go on like a connection that nobody uses
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_headers_complete(self) -> None:
        self._unset_keepalive_if_required()  # set again by a refusal that came in the same packet
        # In a pipeline answers have to come in turn, so there nobody is answered early.
        is_next = self.cycle is None or self.cycle.response_complete
        # Who does not read would have refusals pile up in memory; the application waits.
        is_next = is_next and not self.flow.write_paused
        # Who asks whether to send a body, and is told no, sends none: then nobody knows where the next request begins.
        is_plain = not self.expect_100_continue and not self.parser.should_upgrade()
        if is_next and is_plain and self.parser.get_http_version() == "1.1":
            refusal = self.door.refusal(self.parser.get_method(), self.url, self.headers, len(self.tasks))
            if refusal:
                self._is_refusing = True
                self.transport.write(refusal)
                return
            if refusal == LET_IN:
                cast(dict[str, Any], self.scope)[LOOKED_AHEAD] = True
        super().on_headers_complete()
        if len(self.pipeline) < MOST_PIPELINED:
            self.flow.resume_reading()  # uvicorn pauses, and would not see that the caller hangs up

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the last of a pipeline; the one that runs has to hear of it, and those behind it need not begin.
        self.pipeline.clear()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        if not self._is_refusing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_refusing:
            super().on_message_complete()
            return
        self._is_refusing = False
        if self.parser.should_keep_alive():
            self.on_response_complete()
        else:
            self.transport.close()


def behind(door: Door) -> type[DoorProtocol]:
    """The protocol of one service."""
    return cast(type[DoorProtocol], type("DoorProtocol", (DoorProtocol,), {"door": door}))
