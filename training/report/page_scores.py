"""The part of a report's page about figures: the model beside a naive one, large and as bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from training.report.markup import Html, bar, element, join, number, table
from training.report.scores import Score

if TYPE_CHECKING:
    from training.report.report import Report


def tiles(report: Report, scores: Sequence[Score]) -> Iterator[Html]:
    """One for each head: its first figure, large."""
    for head in report.signature.heads:
        score = next((each for each in scores if each.head == head.name), None)
        lines = [element("div", head.name, kind="name")]
        if score is None:
            lines.append(element("p", "plain numbers, no figures", kind="soft"))
        else:
            unit = f" {head.unit}" if score.is_error and head.unit else ""
            lines.append(element("b", number(score.value), element("small", unit) if unit else ""))
            lines.append(element("div", score.words, kind="soft fine"))
            if score.naive is not None:
                lines.append(element("div", f"naive {number(score.naive)}{unit}", kind="soft fine"))
        yield element("div", *lines, kind="card tile")


def figures(report: Report, scores: Sequence[Score]) -> Html:
    """Every figure beside its naive one, with both as bars."""
    if not scores:
        return element("p", "No head has a declared meaning, so there is nothing to compare.", kind="card")
    units = {head.name: head.unit for head in report.signature.heads}
    rows = [row(score, units.get(score.head, "")) for score in scores]
    count = report.training.get("held_out")
    held = f"{number(count)} " if isinstance(count, int) else ""
    note = (
        f"On {held}held-out examples. Naive (grey) is a model that ignores its input: it answers the most frequent "
        "label, or the median, of the training set. Of an error, less is better."
    )
    return join([
        element("div", table(("figure", "model", "naive", "gain"), rows), kind="card"),
        element("p", note, kind="soft fine"),
    ])  # fmt: skip


def row(score: Score, unit: str) -> list[str | float]:
    naive = score.naive or 0.0
    full = max(abs(score.value), abs(naive)) if score.is_error else max(1.0, abs(score.value))
    bars = [bar(score.value / full if full else 0.0)]
    if score.naive is not None:
        bars.append(bar(naive / full if full else 0.0, "bar naive"))
    said = f"{score.words} in {unit}" if score.is_error and unit else score.words
    name = join([element("b", score.head), said, *bars])
    return [name, score.value, "" if score.naive is None else score.naive, verdict(score)]


def verdict(score: Score) -> Html:
    """How far ahead of the naive figure, an error in parts of it."""
    if score.naive is None or score.better is None:
        return Html("")
    if score.is_error and score.naive:
        gain = f"{100 * (score.value / score.naive - 1):+.0f} %"
    else:
        gain = f"{score.value - score.naive:+.3f}"
    kind, mark, meaning = ("good", "✓", "better") if score.better else ("bad", "✗", "not better")
    return element("span", f"{mark} {gain.replace('-', '−')}", kind=kind, title=f"{meaning} than naive")
