"""HTTP/1.1 as uvicorn speaks it, with a door before it: a refusal there costs a fraction of what ASGI makes of it.

Everything but refusals is uvicorn's own. It is held to uvicorn's way of calling back, which the tests check.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.door import LOOKED_AHEAD, Door


class DoorProtocol(HttpToolsProtocol):
    """One connection. `door` is set by `behind`."""

    door: Door
    _is_refusing = False
    """Whether the rest of this request is of no interest any more: it was answered already."""

    def on_headers_complete(self) -> None:
        # In a pipeline answers have to come in turn, so there nobody is answered early.
        is_next = self.cycle is None or self.cycle.response_complete
        # Who asks whether to send a body, and is told no, sends none: then nobody knows where the next request begins.
        is_plain = not self.expect_100_continue and not self.parser.should_upgrade()
        if is_next and is_plain and self.parser.get_http_version() == "1.1":
            refusal = self.door.refusal(self.parser.get_method(), self.url, self.headers, len(self.tasks))
            if refusal is not None:
                self._is_refusing = True
                self.transport.write(refusal)
                return
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            scope[LOOKED_AHEAD] = True
        super().on_headers_complete()

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
    made: Any = type("DoorProtocol", (DoorProtocol,), {"door": door})
    return made  # type: ignore[no-any-return]
