"""Turns away at once who could not be answered in time, from the first line and the headers of a request alone.

Past saturation most requests end here, so it is cheap: nothing is made of the request but the refusal. Knows no server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from service.api.context import PREDICT, PRIORITY, REQUEST_ID, TIMEOUT, Context, asked_of, header, new_id, request_id
from service.api.errors import refusal
from service.api.outcomes import Outcomes
from service.errors import DeadlineExceeded, Overloaded, ServiceError
from service.inference import Asked
from service.settings import Limits

LOOKED_AHEAD = "manifold.looked_ahead"
"""Key of an ASGI scope: the door let this request in."""
LET_IN = b""
"""In place of a refusal."""
SAME = 0.005
"""Seconds during which who asks the same is refused for the same reason, without another look."""
MOST_KEPT = 256
NOBODY = new_id()
"""In place of a request id, of the length that those have which are made here. No text of ours has it in it."""

Headers = Sequence[tuple[bytes, bytes]]
Question = tuple[bytes, bytes | None, bytes | None]
"""Whom a request asks, in what time, how urgently."""


class Door:
    """`look_ahead` raises for a request that cannot be answered in time."""

    def __init__(
        self,
        *,
        look_ahead: Callable[[Asked, int], None],
        limits: Limits,
        outcomes: Outcomes,
        is_draining: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_ahead = look_ahead
        self._limits = limits
        self._outcomes = outcomes
        self._is_draining = is_draining
        self._clock = clock
        self._refused: dict[Question, Refusal] = {}

    def refusal(self, method: bytes, target: bytes, headers: Headers, inside: int = 0) -> bytes | None:
        """The whole HTTP response to who cannot be answered in time; LET_IN to who can; None to who was not looked at.

        `inside` counts the requests that the server is busy with.
        """
        found = PREDICT.fullmatch(target) if method == b"POST" else None
        if found is None or self._is_draining():
            return None
        came = self._clock()
        model = found[1].decode()
        question = (target, header(headers, TIMEOUT), header(headers, PRIORITY))
        last = self._refused.get(question)
        if last is None or came >= last.until:
            version, label = (None if part is None else part.decode() for part in found.group(2, 3))
            try:
                error = self._reason(asked_of(headers, came, model, version, self._limits, label), inside)
            except ServiceError:
                return None  # what else is wrong is told with the rest of the request
            if error is None:
                return LET_IN
            last = self._keep(question, Refusal(came + SAME, error))
        context = Context(request_id(headers), came)
        self._outcomes.tell_refused(context, model, last.error)
        return last.to(context.request_id)

    def _reason(self, asked: Asked, inside: int) -> Overloaded | DeadlineExceeded | None:
        try:
            self._look_ahead(asked, inside)
        except (Overloaded, DeadlineExceeded) as error:
            return error
        return None

    def _keep(self, question: Question, refusal: Refusal) -> Refusal:
        """The next that asks the same is refused alike; but who is alone too late may only have been late to come."""
        if isinstance(refusal.error, Overloaded):
            if len(self._refused) >= MOST_KEPT:
                self._refused.clear()
            self._refused[question] = refusal
        return refusal


class Refusal:
    """Why, until when others are told the same, and the response but for the request's id."""

    def __init__(self, until: float, error: Overloaded | DeadlineExceeded) -> None:
        self.until = until
        self.error = error
        self._parts = self._written(NOBODY).split(NOBODY.encode())

    def to(self, request_id: str) -> bytes:
        """The whole HTTP response to the request of that id."""
        if len(request_id) != len(NOBODY):  # then the response has another length, which stands in it
            return self._written(request_id)
        return request_id.encode().join(self._parts)

    def _written(self, request_id: str) -> bytes:
        response = refusal(self.error, request_id)
        reason = b"Too Many Requests" if response.status_code == 429 else b"Gateway Timeout"
        lines = [b"HTTP/1.1 %d %b" % (response.status_code, reason)]
        lines += [b"%b: %b" % pair for pair in response.raw_headers]
        lines += [b"%b: %b" % (REQUEST_ID, request_id.encode()), b"", bytes(response.body)]
        return b"\r\n".join(lines)
