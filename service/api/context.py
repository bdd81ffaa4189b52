"""What the service knows of one HTTP request beside its body: its id, when it came, whom it asks and until when."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from service.batching.batch_queue import LOW, NORMAL
from service.errors import InvalidInput, ModelNotFound, Problem
from service.inference import Asked
from service.settings import Limits

PREDICT = re.compile(rb"/models/([A-Za-z0-9._~-]+)(?:/versions/([0-9]+)|/labels/([a-z][a-z0-9_-]*))?/predict")
"""A path as it comes: model, version, label. What is written otherwise takes the long way."""
KEY = "manifold"
REQUEST_ID = b"x-request-id"
TIMEOUT = b"x-request-timeout"
PRIORITY = b"x-request-priority"
PRIORITIES = {b"normal": NORMAL, b"low": LOW}
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
IDS = random.Random()
"""Seeded by the system. Ids need not be secret, and to ask the system for each costs as much as a refusal."""

Headers = Iterable[tuple[bytes, bytes]]
"""Names in small letters."""


@dataclass(frozen=True, slots=True)
class Context:
    """`came` is a moment of `time.monotonic`."""

    request_id: str
    came: float


def context_of(scope: Scope) -> Context:
    return cast(Context, scope[KEY])


def header(headers: Headers, name: bytes) -> bytes | None:
    for key, value in headers:  # asked of every request several times: a generator would take twice as long
        if key == name:
            return value
    return None


def request_id(headers: Headers) -> str:
    """The caller's id if it is one that can safely stand in a log and a header, else a new one."""
    given = header(headers, REQUEST_ID)
    return given.decode() if given and ACCEPTED_ID.fullmatch(given) else new_id()


def new_id() -> str:
    """32 hexadecimal digits."""
    return f"{IDS.getrandbits(128):032x}"


def asked_of(
    headers: Headers, came: float, model: str, version: str | None, limits: Limits, label: str | None = None
) -> Asked:
    """Raises ModelNotFound for a version that is no number, InvalidInput for a header that makes no sense."""
    until = came + min(timeout(headers, limits.default_timeout), limits.max_timeout)
    return Asked(model, version_of(version) if label is None else label, until, priority(headers))


def timeout(headers: Headers, default: float) -> float:
    """What `X-Request-Timeout` asks for. Raises InvalidInput for what is not a positive number of seconds."""
    given = header(headers, TIMEOUT)
    if given is None:
        return default
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise InvalidInput(Problem("X-Request-Timeout to be seconds above 0", repr(given.decode("latin-1"))))
    return seconds


def priority(headers: Headers) -> int:
    """What `X-Request-Priority` asks for. Raises InvalidInput for another word than `normal` and `low`."""
    given = header(headers, PRIORITY)
    if given is None:
        return NORMAL
    try:
        return PRIORITIES[given.strip().lower()]
    except KeyError:
        raise InvalidInput(Problem("X-Request-Priority to be normal or low", repr(given.decode("latin-1")))) from None


def version_of(version: str | None) -> int | None:
    """Raises ModelNotFound for a version that is no number."""
    if version is None:
        return None
    if not (version.isascii() and version.isdecimal() and len(version) < 19):
        raise ModelNotFound(f"no version {version[:40]!r}: versions are whole numbers")
    return int(version)
