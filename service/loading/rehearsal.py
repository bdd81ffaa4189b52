"""Sends a version's examples the way of a request before it is available: endpoint, codec, batcher, answer.

What is slow the first few times, in Python as in the model, is then over. Nobody is told of these requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import cycle, islice

import structlog
from starlette.types import Message, Scope

from service.admission import Admission
from service.api.context import KEY, Context, new_id
from service.api.decoding import Decoder
from service.api.native import Predict
from service.api.outcomes import Outcomes
from service.codec.nested_json import ModelCodec
from service.events import Emit, Event
from service.inference import Inference, Served
from service.settings import Limits

MOST = 32
"""Requests: an interpreter makes its shortcuts after some eight passes, and threads and allocators have to start."""
SECONDS = 0.25
"""After which no further one is sent."""

log = structlog.get_logger("manifold")


class Muted:
    """Tells nobody of events until `is_muted` is taken back."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.is_muted = True

    def __call__(self, event: Event) -> None:
        if not self.is_muted:
            self._emit(event)


def silent(event: Event) -> None:
    """A rehearsal is no traffic."""


async def rehearse(served: Served[ModelCodec], bodies: Sequence[bytes], limits: Limits, decoder: Decoder) -> None:
    """A request that fails ends it, with a line: should it happen again, it is for a caller to be told."""
    admission = Admission(limits.max_in_flight, limits.max_in_flight_bytes)
    inference: Inference[ModelCodec] = Inference(lambda model, version: nullcontext(served), admission)
    predict = Predict(inference, admission, limits, silent, Outcomes(silent, lambda model: True), decoder)
    until = time.monotonic() + SECONDS
    for body in islice(cycle(bodies), MOST):
        status, answer = await ask(predict, served.model, body)
        if status != 200:
            log.warning("rehearsal failed", model=served.model, version=served.version, status=status, answer=answer)
        if status != 200 or time.monotonic() > until:
            return


async def ask(predict: Predict, model: str, body: bytes) -> tuple[int, str]:
    """The status and the body of the answer."""
    came: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return came.pop() if came else await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        sent.append(message)

    path = {"model": model}
    scope: Scope = {"type": "http", "headers": [], "path_params": path, KEY: Context(new_id(), time.monotonic())}
    try:
        await predict(scope, receive, send)
    except Exception as error:  # what the application would answer with a 500
        return 500, repr(error)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent).decode()
