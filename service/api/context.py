"""What the service knows of one HTTP request beside its body: its id, and when it came."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from service.errors import InvalidInput, Problem

KEY = "manifold"
REQUEST_ID = b"x-request-id"
TIMEOUT = b"x-request-timeout"
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True, slots=True)
class Context:
    """`came` is a moment of `time.monotonic`."""

    request_id: str
    came: float


def context_of(scope: Scope) -> Context:
    return cast(Context, scope[KEY])


def header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


def request_id(scope: Scope) -> str:
    """The caller's id if it is one that can safely stand in a log and a header, else a new one."""
    given = header(scope, REQUEST_ID)
    return given.decode() if given and ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex


def deadline(scope: Scope, default: float, most: float) -> float:
    """The moment the caller's time ends: what `X-Request-Timeout` asks for, at most `most` seconds from its coming.

    Raises InvalidInput for a timeout that is not a positive number of seconds.
    """
    came = context_of(scope).came
    given = header(scope, TIMEOUT)
    if given is None:
        return came + min(default, most)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise InvalidInput(Problem("X-Request-Timeout to be seconds above 0", repr(given.decode("latin-1"))))
    return came + min(seconds, most)
