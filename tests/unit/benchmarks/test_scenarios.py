"""How the scenarios judge: what each would call a broken promise, without a service that breaks it."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.closed_loop import Peak
from benchmarks.connection import Reply
from benchmarks.memory import Memory
from benchmarks.pool import Pool
from benchmarks.report import summarise
from benchmarks.sample import Sample
from benchmarks.saturation import Loaded
from benchmarks.scenarios import heads, overload, parity, replicas, rolls, sigterm
from benchmarks.scenarios.sigterm import Load, Sent


def load(*sent: Sent, listened_at: float = 2.0) -> Load:
    return Load(Pool("http://127.0.0.1:1"), list(sent), listened_at=listened_at)


@pytest.mark.parametrize(
    ("sent", "code", "kept"),
    [
        ([Sent(0, 200), Sent(1.5, 200), Sent(2.5, 0)], 0, True),  # the last may have come too late
        ([Sent(0, 200), Sent(1.5, 0)], 0, False),  # lost while it drained
        ([Sent(0, 200), Sent(1.5, 503), Sent(1.6, 200)], 0, False),  # told to go while it still listened
        ([Sent(0, 0), Sent(1.5, 200)], 0, False),  # lost though it came before the signal
        ([Sent(0, 200), Sent(1.5, 200)], -15, False),
        ([Sent(0, 200), Sent(1.5, 200)], None, False),
        ([Sent(0, 200), Sent(2.5, 200)], 0, False),  # nothing was sent while it drained: that proves nothing
    ],
)
def test_sigterm_loses_nothing_that_came_while_it_listened(sent: list[Sent], code: int | None, kept: bool) -> None:
    assert sigterm.judge(load(*sent), signalled=1, code=code).kept is kept


def test_parity_is_a_share_of_what_is_allowed() -> None:
    assert parity.difference({"a": [1.0, 100.0]}, {"a": [1.0, 100.0]}, ["a"]) == 0
    assert parity.difference({"a": [1.00001]}, {"a": [1.0]}, ["a"]) == pytest.approx(0.5, rel=0.01)
    assert parity.difference({"a": [1.0], "b": [1.1]}, {"a": [1.0], "b": [1.0]}, ["b", "a"]) > 1000


@pytest.mark.parametrize(
    ("ours", "lone", "heads"),
    [
        ({}, {}, ["a"]),
        ({"a": [1.0]}, {"a": [1.0]}, ["a", "b"]),
        ({"a": [1.0], "b": [1.0]}, {"a": [1.0], "b": [1.0]}, ["a"]),
        ({"a": [1.0]}, {"a": [1.0, 1.0]}, ["a"]),
        ({"a": [None]}, {"a": [1.0]}, ["a"]),
    ],
)
def test_parity_of_what_is_missing_swapped_or_no_number_is_broken(
    ours: dict[str, object], lone: dict[str, object], heads: list[str]
) -> None:
    assert not parity.difference(ours, lone, heads) <= 1


@pytest.mark.parametrize(
    ("status", "body", "right"),
    [
        (200, b'{"outputs": {"head_3": [9.0], "head_11": [17.0]}}', True),
        (200, b'{"outputs": {"head_3": [17.0], "head_11": [9.0]}}', False),
        (200, b'{"outputs": {"head_3": [9.0]}}', False),
        (200, b'{"outputs": {"head_3": [9.0], "head_11": [17.0], "head_1": [7.0]}}', False),
        (500, b"{}", False),
    ],
)
def test_heads_are_complete_and_right(status: int, body: bytes, right: bool) -> None:
    assert heads.is_right(Reply(status, None, "", body), [1, 2, 3, 0], ["head_11", "head_3"]) is right


@pytest.mark.parametrize("late", [0.0, 0.2])
def test_overload_says_what_a_reader_wants_and_when_not_to_believe_it(late: float) -> None:
    calm = [Sample(number / 100, number / 100, number / 100 + 0.02, 200) for number in range(100)]
    storm = [
        Sample(number / 300, number / 300 + late, number / 300 + 0.5, 200 if number % 3 else 429, 2.0)
        for number in range(300)
    ]
    loads = [summarise("0.2x", calm, (0, 1), 1), summarise("3x", storm, (0, 1), 1)]
    loaded = Loaded("digits", [], Peak(100, 16, loads[0]))
    storms = overload.Storms(loads, {"3x": (220.0, 180.0)}, 0.25)
    verdict = overload.verdict(loaded, storms, Memory(100, 120, 110), 20_000)
    assert verdict.kept is None
    assert verdict.line.startswith(
        "digits: 100 requests/s with 16 callers; goodput 50% of 220 and 180 around it at 3x; p99 of the acc"
    )
    assert "calm 0.25 s after the storm; memory 100 MiB before, 120 at most, 110 after" in verdict.line
    assert ("THE GENERATOR WAS LATE" in verdict.line) is (late > 0)


@pytest.mark.parametrize(
    ("statuses", "versions", "right", "memory", "kept"),
    [
        ({200: 900}, {1: 400, 2: 500}, 12, [100.0] * 12, True),
        ({200: 900}, {1: 400, 2: 500}, 12, [90.0] * 5 + [100.0] * 5 + [101.0, 101.9], True),
        ({200: 900}, {1: 400, 2: 500}, 12, [100.0] * 10 + [101.0, 102.1], False),  # more than the model is large
        ({200: 900}, {1: 400, 2: 500}, 12, [float("nan")] * 12, True),  # somebody else's process
        ({200: 899, 503: 1}, {1: 400, 2: 499}, 12, [100.0] * 12, False),
        ({200: 899, 0: 1}, {1: 400, 2: 499}, 12, [100.0] * 12, False),
        ({200: 900}, {1: 400, 2: 500}, 11, [100.0] * 12, False),  # the old one went on answering
        ({200: 900}, {2: 900}, 12, [100.0] * 12, False),  # nobody was asked while it rolled
    ],
)
def test_rolls_fail_nobody_take_over_and_leave_nothing_behind(
    statuses: dict[int, int], versions: dict[int, int], right: int, memory: list[float], kept: bool
) -> None:
    traffic = rolls.Traffic([], Counter(statuses), Counter(versions))
    assert rolls.judge("digits", traffic, right, memory, size=2.0).kept is kept


@pytest.mark.parametrize(
    ("batches", "rows", "failed", "retraced", "kept"),
    [
        ((100, 100), (800, 800), 0, 0, True),
        ((100, 81), (1000, 801), 0, 0, True),
        ((100, 79), (800, 800), 0, 0, False),  # too few batches
        ((100, 100), (600, 1000), 0, 0, False),  # too few rows, in as many batches
        ((100, 0), (800, 0), 0, 0, False),
        ((0, 0), (0, 0), 0, 0, False),  # nothing ran: that proves nothing
        ((100, 100), (800, 800), 1, 0, False),
        ((100, 100), (800, 800), 0, 1, False),
    ],
)
def test_replicas_take_equal_parts(
    batches: tuple[int, int], rows: tuple[int, int], failed: int, retraced: int, kept: bool
) -> None:
    devices = ("gpu:0", "gpu:1")
    ran, took = dict(zip(devices, batches, strict=True)), dict(zip(devices, rows, strict=True))
    assert replicas.judge("digits", ran, took, sum(rows), failed, retraced).kept is kept
