"""Who is turned away at the door, with what bytes, and who is left for the long way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import httptools
import orjson
import pytest

from service.api.door import LET_IN, MOST_KEPT, NOBODY, SAME, Door
from service.api.outcomes import Outcomes
from service.batching.batch_queue import LOW, NORMAL
from service.errors import DeadlineExceeded, ModelNotFound, ModelNotReady, Overloaded, ServiceError, ShuttingDown
from service.events import Event, RequestFinished, RequestRejected
from service.inference import Asked
from service.settings import Limits

TARGET = b"/models/digits/predict"
FULL = Overloaded("an answer would take about 3 s", 2.5, "predicted_wait")
Headers = Sequence[tuple[bytes, bytes]]


class Gate:
    """A door, and what it leads to: `error` is what is said of who asks, or None."""

    def __init__(self, error: ServiceError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[Asked, int]] = []
        self.told: list[Event] = []
        self.now = 100.0
        self.is_draining = False
        self.door = Door(
            look_ahead=self.look_ahead,
            limits=Limits(default_timeout=30.0, max_timeout=300.0),
            outcomes=Outcomes(self.told.append, lambda model: model != "made-up"),
            is_draining=lambda: self.is_draining,
            clock=lambda: self.now,
        )

    def look_ahead(self, asked: Asked, inside: int) -> None:
        self.asked.append((asked, inside))
        if self.error is not None:
            raise self.error

    def knock(self, target: bytes = TARGET, **headers: bytes) -> bytes | None:
        given = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        return self.door.refusal(b"POST", target, [(b"host", b"here"), *given], 17)

    def refused(self, target: bytes = TARGET, **headers: bytes) -> Parsed:
        response = self.knock(target, **headers)
        assert response
        return Parsed(response)


class Parsed:
    """A response as a strict parser reads it, and nothing after it."""

    def __init__(self, response: bytes) -> None:
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.ends = 0
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(response)
        self.status = self._parser.get_status_code()
        assert self._parser.get_http_version() == "1.1"
        assert self.ends == 1
        names = [name for name, _ in self.headers]
        assert len(names) == len(set(names))
        assert int(self.header(b"content-length")) == len(self.body)
        self.error = orjson.loads(self.body)["error"]

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        assert self._parser.should_keep_alive()
        self.ends += 1


@pytest.mark.parametrize(
    ("target", "headers", "asked"),
    [
        (TARGET, {}, Asked("digits", None, 130.0, NORMAL)),
        (b"/models/digits/versions/7/predict", {}, Asked("digits", 7, 130.0, NORMAL)),
        (b"/models/digits/labels/a-b_9/predict", {}, Asked("digits", "a-b_9", 130.0, NORMAL)),
        (b"/models/a~b-c._9/predict", {"x_request_timeout": b"0.5"}, Asked("a~b-c._9", None, 100.5, NORMAL)),
        (TARGET, {"x_request_priority": b"low", "x_request_timeout": b"900"}, Asked("digits", None, 400.0, LOW)),
    ],
)
def test_it_asks_what_the_request_asks_and_lets_in_whom_nothing_is_said_against(
    target: bytes, headers: dict[str, bytes], asked: Asked
) -> None:
    gate = Gate()
    assert gate.knock(target, **headers) == LET_IN
    assert (gate.asked, gate.told) == ([(asked, 17)], [])


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", TARGET),
        (b"HEAD", TARGET),
        (b"post", TARGET),
        (b"POST", b"/models"),
        (b"POST", b"/models/digits"),
        (b"POST", b"/models//predict"),
        (b"POST", TARGET + b"/"),
        (b"POST", TARGET + b"?x=1"),
        (b"POST", b"/" + TARGET),
        (b"POST", b"http://here" + TARGET),
        (b"POST", b"/models/dig%69ts/predict"),
        (b"POST", b"/models/a/b/predict"),
        (b"POST", b"/models/digits/versions/x/predict"),
        (b"POST", b"/models/digits/versions/-1/predict"),
        (b"POST", b"/models/digits/versions//predict"),
        (b"POST", b"/models/digits/labels//predict"),
        (b"POST", b"/models/digits/labels/Stable/predict"),
        (b"POST", b"/models/digits/labels/stable/versions/1/predict"),
        (b"POST", TARGET + b"\n"),
        (b"POST", b""),
    ],
)
def test_what_is_written_otherwise_is_not_looked_at(method: bytes, target: bytes) -> None:
    gate = Gate(FULL)
    assert gate.door.refusal(method, target, []) is None
    assert (gate.asked, gate.told) == ([], [])


def test_while_draining_everybody_takes_the_long_way() -> None:
    gate = Gate(FULL)
    assert gate.knock()
    gate.is_draining = True
    assert gate.knock() is None
    assert len(gate.asked) == 1


@pytest.mark.parametrize("error", [ModelNotFound("no such"), ModelNotReady("in training"), ShuttingDown("bye")])
def test_what_else_is_wrong_is_told_with_the_rest_of_the_request(error: ServiceError) -> None:
    gate = Gate(error)
    assert gate.knock() is None
    assert gate.told == []


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (TARGET, {"x_request_timeout": b"soon"}),
        (TARGET, {"x_request_priority": b"high"}),
        (b"/models/digits/versions/" + b"9" * 40 + b"/predict", {}),
    ],
)
def test_headers_and_versions_that_make_no_sense_are_refused_on_the_long_way(
    target: bytes, headers: dict[str, bytes]
) -> None:
    gate = Gate(FULL)
    assert gate.knock(target, **headers) is None
    assert (gate.asked, gate.told) == ([], [])


def test_a_refusal_to_the_byte() -> None:
    assert Gate(FULL).knock(x_request_id=b"caller-7") == (
        b"HTTP/1.1 429 Too Many Requests\r\n"
        b"retry-after: 3\r\n"
        b"content-length: 116\r\n"
        b"content-type: application/json\r\n"
        b"x-request-id: caller-7\r\n"
        b"\r\n"
        b'{"error":{"code":"overloaded","message":"an answer would take about 3 s","request_id":"caller-7",'
        b'"retry_after":2.5}}'
    )


def test_who_has_less_time_than_is_needed_is_told_so() -> None:
    gate = Gate(DeadlineExceeded("1 s is left, and the model alone needs 2 s"))
    reply = gate.refused()
    assert (reply.status, reply.reason, reply.error["code"]) == (504, b"Gateway Timeout", "deadline_exceeded")
    assert b"retry-after" not in dict(reply.headers)
    assert [type(event) for event in gate.told] == [RequestFinished]


@pytest.mark.parametrize("given", [b"a", b"caller-7", b"x" * 31, b"0" * 32, NOBODY.encode(), b"x" * 33, b"y" * 128])
@pytest.mark.parametrize("asked_before", [False, True])
def test_an_id_is_taken_over_in_header_and_body(given: bytes, asked_before: bool) -> None:
    gate = Gate(FULL)
    if asked_before:
        gate.knock()
    reply = gate.refused(x_request_id=given)
    assert reply.header(b"x-request-id") == reply.error["request_id"].encode() == given


def test_an_id_is_made_where_there_is_none_that_can_be_used() -> None:
    gate = Gate(FULL)
    replies = [gate.refused(), gate.refused(), gate.refused(x_request_id=b'"x'), gate.refused(x_request_id=b"y" * 129)]
    assert all(reply.header(b"x-request-id") == reply.error["request_id"].encode() for reply in replies)
    assert len({reply.error["request_id"] for reply in replies}) == 4


def test_only_the_id_is_put_in_the_place_of_an_id() -> None:
    reason = f"a model may be called {'-' * 32}, {'0' * 32} or x-request-id: {'x' * 32}"
    reply = Gate(Overloaded(reason, 1.0)).refused()
    assert reply.error["message"] == reason


@pytest.mark.parametrize("wait", [0.0, 0.0001, 0.9, 1.0, 1.0001, 7.2])
def test_who_is_told_to_come_back_is_told_whole_seconds_and_never_at_once(wait: float) -> None:
    reply = Gate(Overloaded("full", wait)).refused()
    assert int(reply.header(b"retry-after")) == max(1, math.ceil(wait))
    assert reply.error["retry_after"] == pytest.approx(wait, abs=0.0005)


def test_who_asks_the_same_soon_after_is_not_looked_at_again() -> None:
    gate = Gate(FULL)
    gate.refused()
    gate.now += SAME * 0.999
    gate.error = None
    assert gate.refused(x_request_id=b"another").error["message"] == str(FULL)
    assert len(gate.asked) == 1
    gate.now = 100.0 + SAME
    assert gate.knock() == LET_IN
    assert len(gate.asked) == 2
    assert gate.knock() == LET_IN


def test_a_refusal_counts_from_the_look_and_is_not_prolonged_by_who_asks() -> None:
    gate = Gate(FULL)
    for step in range(9):
        gate.now = 100.0 + step * SAME / 2
        gate.refused()
    assert len(gate.asked) == 5


def test_a_new_look_is_told_to_who_comes_next() -> None:
    gate = Gate(FULL)
    gate.refused()
    gate.now += SAME
    gate.error = Overloaded("an answer would take about 90 s", 80.0, "predicted_wait")
    for _ in range(2):
        assert gate.refused().header(b"retry-after") == b"80"


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (b"/models/others/predict", {}),
        (b"/models/digits/versions/1/predict", {}),
        (b"/models/digits/labels/stable/predict", {}),
        (TARGET, {"x_request_timeout": b"29"}),
        (TARGET, {"x_request_priority": b"low"}),
    ],
)
def test_who_asks_something_else_is_looked_at(target: bytes, headers: dict[str, bytes]) -> None:
    gate = Gate(FULL)
    gate.refused()
    gate.error = None
    assert gate.knock(target, **headers) == LET_IN
    assert gate.knock()


def test_who_is_late_alone_says_nothing_of_the_next() -> None:
    gate = Gate(DeadlineExceeded("late"))
    gate.refused()
    gate.error = None
    assert gate.knock() == LET_IN


def test_questions_are_kept_for_few_however_many_are_asked() -> None:
    gate = Gate(FULL)
    for number in range(3 * MOST_KEPT):
        gate.refused(x_request_timeout=str(number + 1).encode())
        assert len(gate.door._refused) <= MOST_KEPT
    assert len(gate.asked) == 3 * MOST_KEPT


@pytest.mark.parametrize(("target", "model"), [(TARGET, "digits"), (b"/models/made-up/predict", "unknown")])
def test_each_refusal_is_told_once_looked_at_or_not(target: bytes, model: str) -> None:
    gate = Gate(FULL)
    for number in range(1, 4):
        gate.refused(target)
        assert [event for event in gate.told if isinstance(event, RequestRejected)] == [
            RequestRejected(model, "predicted_wait")
        ] * number
        finished = [event for event in gate.told if isinstance(event, RequestFinished)]
        assert [(each.model, each.version, each.outcome, each.rows) for each in finished] == [
            (model, None, "overloaded", 0)
        ] * number
        assert len(gate.told) == 2 * number
    assert len(gate.asked) == 1
