"""How the scenarios judge: what each would call a broken promise, without a service that breaks it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.closed_loop import Peak
from benchmarks.connection import Reply
from benchmarks.memory import Memory
from benchmarks.pool import Pool
from benchmarks.report import summarise
from benchmarks.sample import Sample
from benchmarks.saturation import Loaded
from benchmarks.scenarios import heads, overload, parity, replicas, retraces, rolls, sigterm, startup
from benchmarks.scenarios.sigterm import Load, Sent
from benchmarks.scenarios.startup import Start
from benchmarks.target import NotSeen


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
    ("statuses", "traced", "kept"),
    [
        ({200: 10}, 0, True),
        ({200: 10}, 1, False),
        ({200: 9, 422: 1}, 0, False),  # what was refused traced nothing: that proves nothing
        ({200: 9, 0: 1}, 0, False),
    ],
)
def test_nothing_is_traced_for_whatever_is_asked(statuses: dict[int, int], traced: int, kept: bool) -> None:
    verdict = retraces.judge({"digits": Counter(statuses), "book": Counter({200: 5})}, {"digits": traced, "book": 0})
    assert verdict.kept is kept
    assert verdict.line.startswith(f"{traced} functions traced by 15 random requests to 2 models")


def test_requests_of_many_rows_ask_for_the_heads_of_the_first() -> None:
    draw = np.random.default_rng(3)
    some = [{"inputs": {"x": [number]}, "heads": [f"head_{number}"], "raw": True} for number in range(3)]
    assert retraces.of_many_rows(some, draw) == {
        "instances": [{"x": [0]}, {"x": [1]}, {"x": [2]}],
        "heads": ["head_0"],
        "raw": True,
    }
    one = [retraces.of_many_rows(some[:1], draw) for _ in range(20)]
    assert {"inputs" in body for body in one} == {True, False}


def started(ready: float, first: float, hundredth: float = 0.002) -> Start:
    stages = {model: {"reading": 0.5, "warming up": 1.0} for model in ("digits", "book")}
    usual = {"digits": hundredth, "book": 0.1}
    return Start(4.0, {"digits": 5.0, "book": ready}, stages, usual | {"digits": first}, usual)


@pytest.mark.parametrize(
    ("warm", "kept"),
    [
        ([started(18.9, 0.0029)], True),
        ([started(19.1, 0.002)], False),  # too long after the import
        ([started(12.0, 0.0031)], False),  # the first request paid
        ([started(12.0, 0.009), started(12.0, 0.002), started(90.0, 0.002)], True),  # medians
    ],
)
def test_a_start_is_judged_by_medians(warm: list[Start], kept: bool) -> None:
    verdict = startup.judge(started(60.0, 1.0), warm)
    assert verdict.kept is kept
    assert "56.0 s without" in verdict.line
    assert [table.row_count for table in verdict.tables] == [1 + len(warm), 2, 2]


LOG = """Traceback of somebody, not JSON
{"event": "runtime started", "timestamp": "2026-01-01T00:00:03.500000Z"}
{"event": "version prepared", "model": "digits", "stages": {"reading": 0.25}, "timestamp": "2026-01-01T00:00:04Z"}
{"event": "version available", "model": "digits", "timestamp": "2026-01-01T00:00:04.250000Z"}
{"event": "version available", "model": "book", "timestamp": "2026-01-01T00:00:06Z"}
"""


def test_a_start_is_read_from_the_log() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    read = startup.read(LOG, began)
    assert (read.imported, read.usable, read.ready) == (3.5, 4.25, 6.0)
    assert read.stages == {"digits": {"reading": 0.25}}
    with pytest.raises(NotSeen, match=r"log\.level"):
        startup.read("", began)


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
