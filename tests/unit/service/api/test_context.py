"""What a request says of itself beside its body."""

import math

import pytest

from service.api.context import Headers, asked_of, header, priority, request_id, timeout, version_of
from service.batching.batch_queue import LOW, NORMAL
from service.errors import InvalidInput, ModelNotFound
from service.inference import Asked
from service.settings import Limits

LIMITS = Limits(default_timeout=30.0, max_timeout=300.0)


def asking(seconds: bytes) -> Headers:
    return [(b"host", b"here"), (b"x-request-timeout", seconds)]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(b"0.5", 0.5), (b" 2 ", 2.0), (b"1e-3", 0.001), (b"5e-324", 5e-324), (b"1e999", math.inf), (b"inf", math.inf)],
)
def test_a_timeout_is_seconds(given: bytes, seconds: float) -> None:
    assert timeout(asking(given), 30.0) == seconds


@pytest.mark.parametrize("given", [b"", b"soon", b"0", b"-1", b"-0.0", b"nan", b"-inf", b"1,5", b"1s", b"\xff", b"0x1"])
def test_what_is_no_time_is_refused_by_name(given: bytes) -> None:
    with pytest.raises(InvalidInput, match="expected X-Request-Timeout to be seconds above 0, got '"):
        timeout(asking(given), 30.0)


@pytest.mark.parametrize(
    ("given", "level"), [(b"low", LOW), (b"LOW", LOW), (b" normal ", NORMAL), (b"Normal", NORMAL), (None, NORMAL)]
)
def test_a_priority_is_one_of_two_words(given: bytes | None, level: int) -> None:
    assert priority([] if given is None else [(b"x-request-priority", given)]) == level


@pytest.mark.parametrize("given", [b"", b"high", b"1", b"low,normal", b"\xe9"])
def test_another_priority_is_refused_by_name(given: bytes) -> None:
    with pytest.raises(InvalidInput, match="expected X-Request-Priority to be normal or low, got '"):
        priority([(b"x-request-priority", given)])


@pytest.mark.parametrize(
    ("headers", "seconds"), [([], 30.0), (asking(b"2.5"), 2.5), (asking(b"400"), 300.0), (asking(b"inf"), 300.0)]
)
def test_who_names_no_time_has_the_default_and_nobody_has_more_than_the_limit(headers: Headers, seconds: float) -> None:
    assert asked_of(headers, 100.0, "m", None, LIMITS) == Asked("m", None, 100.0 + seconds, NORMAL)


def test_a_label_is_asked_for_by_name() -> None:
    assert asked_of([], 0.0, "m", None, LIMITS, "7th") == Asked("m", "7th", 30.0, NORMAL)


def test_a_default_above_the_limit_is_cut_too() -> None:
    limits = Limits(default_timeout=30.0, max_timeout=10.0)
    assert asked_of([], 0.0, "m", "7", limits) == Asked("m", 7, 10.0, NORMAL)


@pytest.mark.parametrize(("given", "number"), [(None, None), ("0", 0), ("12", 12), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_version_is_a_whole_number(given: str | None, number: int | None) -> None:
    assert version_of(given) == number


@pytest.mark.parametrize("given", ["", "x", "-1", "+1", "1.0", "1_0", " 1", "²", "٣", "9" * 19])
def test_a_version_that_is_none_is_not_found(given: str) -> None:
    with pytest.raises(ModelNotFound, match="no version"):
        version_of(given)


@pytest.mark.parametrize("given", [b"a", b"caller-7", b"A.b:c_9-", b"x" * 128])
def test_an_id_that_can_safely_stand_in_a_log_is_taken_over(given: bytes) -> None:
    assert request_id([(b"x-request-id", given)]) == given.decode()


@pytest.mark.parametrize("given", [b"", b" ", b"a b", b"a\n", b"a\r\nx: y", b"x" * 129, b"\xe9", b'"', b"<b>"])
def test_another_is_replaced_by_a_new_one(given: bytes) -> None:
    made = {request_id([(b"x-request-id", given)]) for _ in range(3)} | {request_id([])}
    assert len(made) == 4
    assert all(len(each) == 32 and each.isalnum() for each in made)


def test_the_first_header_of_a_name_counts() -> None:
    assert header([(b"a", b"1"), (b"b", b"2"), (b"b", b"3")], b"b") == b"2"
    assert header([], b"b") is None
