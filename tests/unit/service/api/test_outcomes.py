"""How requests ended, as events."""

import time

import orjson
import pytest

from service.api.context import Context
from service.api.outcomes import Outcomes
from service.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    Overloaded,
    Problem,
    ServiceError,
    ShuttingDown,
)
from service.events import Event, RequestFinished, RequestRejected


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def outcomes(told: list[Event]) -> Outcomes:
    return Outcomes(told.append, lambda model: model == "digits")


def context(seconds_ago: float = 0.0) -> Context:
    return Context("an-id", time.monotonic() - seconds_ago)


def test_an_answer_is_told_with_its_version_rows_and_time(outcomes: Outcomes, told: list[Event]) -> None:
    outcomes.finished(context(5.0), "digits", "ok", 3, 7)
    (event,) = told
    assert isinstance(event, RequestFinished)
    assert (event.model, event.version, event.protocol, event.outcome, event.rows) == ("digits", 3, "native", "ok", 7)
    assert 5.0 <= event.seconds < 6.0


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (Overloaded("full", 3.0), "overloaded", "queue_full"),
        (Overloaded("full", 3.0, "memory"), "overloaded", "memory"),
        (ShuttingDown("bye"), "shutting_down", "shutting_down"),
        (DeadlineExceeded("late"), "deadline_exceeded", None),
        (InvalidInput(Problem("a number", "text")), "invalid_input", None),
        (ModelNotFound("no such model"), "model_not_found", None),
    ],
)
def test_a_refusal_is_told_once_and_as_rejected_only_for_want_of_room(
    outcomes: Outcomes, told: list[Event], error: ServiceError, outcome: str, reason: str | None
) -> None:
    response = outcomes.refused(context(), "digits", error)
    assert [event for event in told if isinstance(event, RequestRejected)] == (
        [RequestRejected("digits", reason)] if reason else []
    )
    (finished,) = (event for event in told if isinstance(event, RequestFinished))
    assert (finished.model, finished.version, finished.outcome, finished.rows) == ("digits", None, outcome, 0)
    assert len(told) == (2 if reason else 1)
    error_told = orjson.loads(response.body)["error"]
    assert (error_told["code"], error_told["request_id"]) == (outcome, "an-id")


def test_a_name_that_no_model_has_makes_no_label(outcomes: Outcomes, told: list[Event]) -> None:
    outcomes.tell_refused(context(), "made-up", Overloaded("full", 1.0))
    outcomes.finished(context(), "made-up", "cancelled")
    assert {event.model for event in told if isinstance(event, RequestFinished | RequestRejected)} == {"unknown"}
