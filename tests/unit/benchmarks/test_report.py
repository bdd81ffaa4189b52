"""Figures from samples, by hand."""

from __future__ import annotations

import math

import pytest
from rich.console import Console

from benchmarks.report import Summary, quantiles, recovery, summarise, table
from benchmarks.sample import Sample


def sample(
    due: float, latency: float, status: int = 200, retry_after: float | None = None, late: float = 0.0
) -> Sample:
    return Sample(due, due + late, due + latency, status, retry_after)


def test_a_quantile_is_a_value_that_occurred() -> None:
    found = quantiles([float(number) for number in range(100, 0, -1)])
    assert (found.p50, found.p90, found.p99) == (50, 90, 99)
    assert quantiles([7.0]).p99 == 7.0
    assert math.isnan(quantiles([]).p50)


def test_goodput_is_what_was_answered_well_in_time_and_in_the_window() -> None:
    samples = [
        sample(0.0, 0.1),
        sample(0.5, 0.9),
        sample(0.6, 1.5),  # later than its deadline
        sample(0.7, 0.1, status=429, retry_after=2),
        sample(1.8, 0.9),  # in time, when the window was over
        sample(1.9, 0.1, status=0),
        sample(-0.5, 0.9),  # of an earlier load, and answered in this window
        sample(2.1, 0.1),  # of a later one
    ]
    summary = summarise("load", samples, (0, 2), deadline=1)
    assert (summary.requests, summary.offered, summary.goodput) == (6, 3.0, 1.5)
    assert summary.shares == {0: 1 / 6, 200: 4 / 6, 429: 1 / 6}
    assert summary.latency.p50 == pytest.approx(0.9)
    assert summary.latency.p99 == pytest.approx(1.5)
    assert summary.is_on_time
    assert summary.retry_after == (2, 2)


def test_a_load_without_answers_has_no_latency_and_no_goodput() -> None:
    summary = summarise("load", [sample(0.0, 0.1, status=429, retry_after=each) for each in (3, 1)], (0, 1), deadline=1)
    assert (summary.goodput, summary.retry_after) == (0.0, (1, 3))
    assert math.isnan(summary.latency.p50)


@pytest.mark.parametrize(("late", "on_time"), [(0.049, True), (0.051, False)])
def test_a_late_generator_is_not_to_be_trusted(late: float, on_time: bool) -> None:
    summary = summarise("load", [sample(0.0, 0.1, late=late)], (0, 1), deadline=1)
    assert summary.lateness == pytest.approx(late)
    assert summary.is_on_time is on_time


def test_a_request_that_was_never_sent_makes_the_generator_late() -> None:
    assert not summarise("load", [Sample(0.5)], (0, 1), deadline=1).is_on_time


def test_recovery_is_when_the_median_is_what_it_was_again() -> None:
    slow = [sample(2 + number / 20, 1 - number / 20) for number in range(20)]
    quick = [sample(3 + number / 20, 0.1) for number in range(20)]
    assert recovery([sample(1.0, 0.1), *slow, *quick], 2, usual=0.1) == pytest.approx(
        0.75
    )  # of 0.25, 0.2, 0.15, 0.1 and 0.05 s
    assert recovery(quick, 3, usual=0.1) == 0
    assert recovery(slow[:10], 2, usual=0.1) == float("inf")


def test_a_refusal_is_no_recovery() -> None:
    refused = [sample(2 + number / 20, 0.01, status=429) for number in range(20)]
    assert recovery(refused, 2, usual=0.1) == float("inf")


def printed(*summaries: Summary) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table("a title", summaries, peak=200))
    return captured.get()


def test_the_table_says_it_in_milliseconds_and_shares() -> None:
    samples = [sample(0.0, 0.025), sample(0.1, 0.5, late=0.3), sample(0.2, 0.001, 429, 2), sample(0.3, 0.001, 0)]
    text = printed(summarise("2x", samples, (0, 0.01), deadline=1), summarise("3x", samples, (0, 1), deadline=1))
    assert "a title" in text
    assert "none 25.0%, 200 50.0%, 429 25.0%" in text
    assert "2 to 2 s" in text
    assert "500.0" in text
    assert "0.01" in text
    assert "300.0 !" in text
