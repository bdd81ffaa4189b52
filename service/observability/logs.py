"""Structured logs: JSON lines, or readable ones in a terminal. Every line of a request carries its id."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import orjson
import structlog

from service.events import (
    BatchRan,
    CallDropped,
    ChangeAsked,
    ContractBroken,
    Event,
    FetchBegan,
    FetchInterrupted,
    RequestRejected,
    ShadowChanged,
    VersionFetched,
    VersionLoaded,
    VersionPrepared,
    VersionStateChanged,
)

log = structlog.get_logger("manifold")

EVERY = 1.0
"""Seconds between two lines about refusals."""
WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
"""Local variables hold what callers sent; a log must not."""


def configure(level: str, form: Literal["auto", "json", "text"]) -> None:
    """Sets up logging for the process, for our own lines and those of the libraries."""
    readable = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if readable else "iso", utc=not readable),
    ]
    rendering: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if readable
        else [structlog.processors.ExceptionRenderer(WITHOUT_LOCALS), structlog.processors.JSONRenderer(as_json)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "tensorflow", "absl", "asyncio"):
        logging.getLogger(noisy).handlers.clear()
        logging.getLogger(noisy).setLevel("WARNING")
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class Lines(structlog.WriteLogger):
    """Our own lines. By way of `logging` one for each request would take a fifth of a small model's answer."""

    def __init__(self, name: str = "manifold") -> None:
        super().__init__(sys.stderr)
        self.name = name


def as_json(event: object, default: Callable[[Any], Any]) -> str:
    """Text that is no Unicode, and numbers that orjson does not know, are left to the standard library."""
    try:
        return orjson.dumps(event, default=default).decode()
    except orjson.JSONEncodeError:
        return json.dumps(event, default=default)


class Refusals:
    """Says how many requests were refused, once a second at most for each model and reason."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, event: RequestRejected) -> None:
        about = (event.model, event.reason)
        self._counts[about] += 1
        now = self._clock()
        if now - self._since.get(about, -EVERY) >= EVERY:
            log.warning("requests refused", model=event.model, reason=event.reason, requests=self._counts.pop(about))
            self._since[about] = now


def write(event: Event) -> None:
    """The events worth a line. Requests have theirs from the middleware, where the id is known."""
    match event:
        case BatchRan(failed=True):
            log.warning("batch failed", model=event.model, version=event.version, rows=event.rows)
        case CallDropped(model, version, reason, rows, request_id):
            log.info("call dropped", model=model, version=version, reason=reason, rows=rows, request_id=request_id)
        case FetchBegan() | FetchInterrupted() | VersionFetched():
            note_fetch(event)
        case ChangeAsked():
            note_change(event)
        case _:
            note_version(event)


def note_version(event: Event) -> None:
    """What became of a version."""
    match event:
        case VersionStateChanged(model, version, state, reason) if reason:
            log.error("version failed", model=model, version=version, state=state, reason=reason)
        case VersionStateChanged(model, version, state):
            log.debug("version state", model=model, version=version, state=state)
        case VersionLoaded(model, version, seconds):
            log.info("version available", model=model, version=version, seconds=round(seconds, 3))
        case ContractBroken(model, version, instead_of, reason, differences):
            told = {"instead_of": instead_of, "reason": reason, "differences": list(differences)}
            log.warning("version breaks its contract, as announced", model=model, version=version, **told)
        case VersionPrepared(model, version, seconds, cached):
            stages = {stage: round(spent, 3) for stage, spent in seconds.items()}
            log.info("version prepared", model=model, version=version, stages=stages, cached=cached)
        case ShadowChanged(model, version, answering, reason):
            told = {"reason": reason} if reason else {}
            line = "shadow ended" if reason else "shadow began"
            log.info(line, model=model, version=version, answering=answering, **told)


def note_fetch(event: FetchBegan | FetchInterrupted | VersionFetched) -> None:
    about = {"model": event.model, "version": event.version}
    match event:
        case FetchBegan():
            log.info("fetching version", **about, files=event.files, bytes=event.bytes)
        case VersionFetched():
            log.info("version fetched", **about, bytes=event.bytes, seconds=round(event.seconds, 3))
        case FetchInterrupted():
            again = {"file": event.file, "position": event.position, "again_in": event.pause}
            log.warning("fetch interrupted", **about, **again, reason=event.reason)


def note_change(event: ChangeAsked) -> None:
    """What an operator did, or tried to; what does not belong to the action is left out."""
    about = {"version": event.version, "label": event.label, "reason": event.reason}
    told = {name: value for name, value in about.items() if value not in (None, "")}
    level = log.info if event.outcome == "done" else log.warning
    level("admin action", action=event.action, model=event.model, outcome=event.outcome, **told)
