"""What is worth a line."""

import json
import logging
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from service.events import (
    BatchRan,
    CallDropped,
    ChangeAsked,
    Event,
    FetchBegan,
    FetchInterrupted,
    HeadNotFinite,
    RequestFinished,
    RequestRejected,
    VersionFetched,
    VersionLoaded,
    VersionStateChanged,
)
from service.observability.logs import EVERY, Refusals, configure, write

Line = MutableMapping[str, Any]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    capture = LogCapture()
    # Of every level, whatever another test has configured for the process.
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    monkeypatch.setattr("service.observability.logs.log", logger)
    return capture.entries


class Refused:
    """Refusals at given times."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.refusals = Refusals(lambda: self.now)

    def at(self, now: float, model: str = "digits", reason: str = "predicted_wait", count: int = 1) -> None:
        self.now = now
        for _ in range(count):
            self.refusals(RequestRejected(model, reason))


def told(lines: list[Line]) -> list[tuple[str, str, int]]:
    assert all((line["event"], line["log_level"]) == ("requests refused", "warning") for line in lines)
    return [(line["model"], line["reason"], line["requests"]) for line in lines]


@pytest.mark.parametrize("began", [0.0, 100.0, 1e9])
def test_the_first_is_told_at_once(lines: list[Line], began: float) -> None:
    Refused().at(began)
    assert told(lines) == [("digits", "predicted_wait", 1)]


def test_then_one_line_a_second_at_most_has_the_count_of_all_since(lines: list[Line]) -> None:
    refused = Refused()
    refused.at(100.0, count=10)
    refused.at(100.0 + EVERY - 0.001, count=5)
    assert [count for *_, count in told(lines)] == [1]
    refused.at(100.0 + EVERY)
    assert [count for *_, count in told(lines)] == [1, 15]
    refused.at(100.0 + EVERY + 0.5, count=3)
    refused.at(200.0, count=2)
    assert [count for *_, count in told(lines)] == [1, 15, 4]


def test_over_a_long_time_nobody_is_missing_and_the_lines_are_few(lines: list[Line]) -> None:
    refused = Refused()
    for step in range(1000):
        refused.at(100.0 + step / 64)
    assert 1000 / 64 <= len(lines) <= 1000 / 64 + 2
    refused.at(1000.0)
    assert sum(count for *_, count in told(lines)) == 1001


def test_each_model_and_reason_has_lines_of_its_own(lines: list[Line]) -> None:
    refused = Refused()
    for model in ("a", "b"):
        for reason in ("memory", "queue_full"):
            refused.at(100.0, model, reason, count=3)
    refused.at(101.0, "b", "memory")
    every = [("a", "memory", 1), ("a", "queue_full", 1), ("b", "memory", 1), ("b", "queue_full", 1)]
    assert told(lines) == [*every, ("b", "memory", 3)]


@pytest.mark.parametrize(
    ("event", "level", "line"),
    [
        (VersionStateChanged("m", 1, "END", "a damaged file"), "error", "version failed"),
        (VersionStateChanged("m", 1, "LOADING"), "debug", "version state"),
        (VersionLoaded("m", 1, 1.23456), "info", "version available"),
        (BatchRan("m", 1, 3, 0.0, (0.1,), 0.1, 0.1, failed=True), "warning", "batch failed"),
        (CallDropped("m", 1, "expired", 4, "an-id"), "info", "call dropped"),
    ],
)
def test_what_is_worth_a_line(lines: list[Line], event: Event, level: str, line: str) -> None:
    write(event)
    (written,) = lines
    assert (written["log_level"], written["event"], written["model"]) == (level, line, "m")


def test_the_rest_has_none(lines: list[Line]) -> None:
    for event in (
        BatchRan("m", 1, 3, 0.0, (0.1,), 0.1, 0.1, failed=False),
        RequestFinished("m", 1, "native", "ok", 0.1, 1),
        RequestRejected("m", "memory"),
        HeadNotFinite("m", 1, "age", 1),
    ):
        write(event)
    assert lines == []


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """The lines on stderr. Logging is the whole process's: it is put back as it was."""
    root, config = logging.getLogger(), structlog.get_config()
    before = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err.splitlines()
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.configure(**config)


def test_our_lines_and_those_of_libraries_look_alike(written: Callable[[], list[str]]) -> None:
    configure("info", "json")
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        structlog.get_logger("manifold.http").info("done", seconds=0.5)
        structlog.get_logger("manifold.http").debug("not worth a line")
        logging.getLogger("library").warning("watch %s", "out")
        logging.getLogger("library").debug("not worth a line")
    ours, theirs = map(json.loads, written())
    assert ours.keys() - {"seconds"} == theirs.keys()
    assert (ours["event"], ours["logger"], ours["level"]) == ("done", "manifold.http", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("watch out", "library", "warning")
    assert {ours["request_id"], theirs["request_id"]} == {"abc"}


def test_an_exception_is_told_without_what_callers_sent(written: Callable[[], list[str]]) -> None:
    configure("info", "json")
    secret = "it is 42"
    try:
        raise ValueError(len(secret))
    except ValueError:
        structlog.get_logger("manifold").exception("unforeseen")
    (line,) = written()
    assert json.loads(line)["exception"][0]["exc_type"] == "ValueError"
    assert secret not in line


def test_a_person_reads_text(written: Callable[[], list[str]]) -> None:
    configure("info", "text")
    structlog.get_logger("manifold").info("ready", models=3)
    (line,) = written()
    assert "ready" in line
    assert not line.startswith("{")


@pytest.mark.parametrize("odd", ["\ud800", 2**80, object(), {1: 2}])
def test_a_line_is_written_whatever_is_in_it(written: Callable[[], list[str]], odd: object) -> None:
    configure("info", "json")
    structlog.get_logger("manifold").info("odd", given=odd)
    (line,) = map(json.loads, written())
    assert line["event"] == "odd"


def test_an_operator_s_action_has_a_line_whatever_came_of_it(lines: list[Line]) -> None:
    write(ChangeAsked("set label", "digits", 0, "stable", "done"))
    write(ChangeAsked("rollback", "digits", None, "", "change_refused", "nothing below"))
    assert lines == [
        {"event": "admin action", "log_level": "info", "action": "set label", "model": "digits", "outcome": "done"}
        | {"version": 0, "label": "stable"},
        {"event": "admin action", "log_level": "warning", "action": "rollback", "model": "digits"}
        | {"outcome": "change_refused", "reason": "nothing below"},
    ]


def test_a_fetch_is_told_from_its_beginning_to_its_end(lines: list[Line]) -> None:
    write(FetchBegan("digits", 2, 4, 5000))
    write(FetchInterrupted("digits", 2, "bucket/model.keras", 1000, "connection reset", 0.5))
    write(VersionFetched("digits", 2, 5000, 1.23456))
    about = {"model": "digits", "version": 2}
    broke = {"file": "bucket/model.keras", "position": 1000, "again_in": 0.5, "reason": "connection reset"}
    assert lines == [
        {"event": "fetching version", "log_level": "info", "files": 4, "bytes": 5000, **about},
        {"event": "fetch interrupted", "log_level": "warning", **broke, **about},
        {"event": "version fetched", "log_level": "info", "bytes": 5000, "seconds": 1.235, **about},
    ]
