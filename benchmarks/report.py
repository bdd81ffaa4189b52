"""Samples to figures, and figures to a table. Pure but for the printing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from benchmarks.sample import Sample

TOLERATED_LATENESS = 0.05
"""As a share of the deadline, of the generator's slowest hundredth; beyond it the figures are not to be trusted."""


@dataclass(frozen=True)
class Quantiles:
    """Seconds; not a number when there was nothing to measure."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class Summary:
    """A stretch of load. Rates are per second, latencies are of requests that were answered with 200."""

    name: str
    requests: int
    offered: float
    goodput: float
    """Answered with 200 within the deadline, by when the answer came."""
    latency: Quantiles
    shares: Mapping[int, float]
    """Of the requests by status; 0 is no answer."""
    retry_after: tuple[float, float] | None
    """The least and the most that anybody was told."""
    lateness: float
    """Of the slowest hundredth of what the generator sent."""
    is_on_time: bool
    """Whether the generator kept its own schedule."""


def quantiles(values: Sequence[float]) -> Quantiles:
    """Each is a value that occurred: the smallest that this share of them does not exceed."""
    if not values:
        return Quantiles(*[float("nan")] * 3)
    return Quantiles(*np.quantile(values, (0.5, 0.9, 0.99), method="inverted_cdf").tolist())


def summarise(name: str, samples: Sequence[Sample], window: tuple[float, float], deadline: float) -> Summary:
    """Of the requests that were due in the window; goodput is of the answers that came in it."""
    start, end = window
    ours = [sample for sample in samples if start <= sample.due < end]
    good = sum(sample.status == 200 and sample.latency <= deadline and start <= sample.done < end for sample in samples)
    told = [sample.retry_after for sample in ours if sample.retry_after is not None]
    lateness = quantiles([sample.lateness for sample in ours]).p99
    return Summary(
        name=name,
        requests=len(ours),
        offered=len(ours) / (end - start),
        goodput=good / (end - start),
        latency=quantiles([sample.latency for sample in ours if sample.status == 200]),
        shares={status: count / len(ours) for status, count in sorted(Counter(each.status for each in ours).items())},
        retry_after=(min(told), max(told)) if told else None,
        lateness=lateness,
        is_on_time=not lateness > TOLERATED_LATENESS * deadline,
    )


def recovery(samples: Sequence[Sample], end: float, usual: float, factor: float = 1.5, window: float = 0.25) -> float:
    """Seconds after `end` until the median of what comes within a window is at most `factor` times the usual again.

    Only an answer of 200 counts as one; infinite when it never comes to that.
    """
    later = [sample for sample in samples if sample.due >= end]
    for place, first in enumerate(later):
        within = [each for each in later[place : place + MOST_IN_WINDOW] if each.due < first.due + window]
        latencies = [each.latency if each.status == 200 else float("inf") for each in within]
        if np.median(latencies) <= factor * usual:
            return first.due - end
    return float("inf")


MOST_IN_WINDOW = 50


def table(title: str, summaries: Sequence[Summary], peak: float | None = None) -> Table:
    """Milliseconds and shares, one load a row."""
    made = Table(title=title)
    columns = ("load", "offered/s", "goodput/s", "of peak", "p50 ms", "p99 ms", "by status", "Retry-After", "late ms")
    for column in columns:
        made.add_column(column, justify="left" if column in ("load", "by status") else "right", no_wrap=True)
    for each in summaries:
        made.add_row(
            each.name,
            f"{each.offered:,.0f}",
            f"{each.goodput:,.0f}",
            f"{each.goodput / peak:.2f}" if peak else "",
            f"{each.latency.p50 * 1000:,.1f}",
            f"{each.latency.p99 * 1000:,.1f}",
            ", ".join(f"{status or 'none'} {share:.1%}" for status, share in each.shares.items()),
            "" if each.retry_after is None else "{:g} to {:g} s".format(*each.retry_after),
            f"{each.lateness * 1000:,.1f}{'' if each.is_on_time else ' !'}",
        )
    return made
