"""The part of a report's page about single heads: plots of the answers, frequent mistakes, figures by group."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models.signature import Head
from training.evaluation import labels
from training.report.confusion import MOST_LABELS, mistakes
from training.report.markup import Html, bar, element, join, number, table, text
from training.report.scores import WORDS, Parts, parts_of

if TYPE_CHECKING:
    from training.report.plots import Plot
    from training.report.report import Report

MOST_PARTS = 80
BIG = 5.6
"""A plot wider than so many inches keeps room for its letters: on a narrow page it scrolls."""
CSS_INCH = 96


def heads(report: Report, plots: Sequence[Plot]) -> Html:
    return join(part for head in report.signature.heads for part in one_head(report, head, plots))


def one_head(report: Report, head: Head, plots: Sequence[Plot]) -> Iterator[Html]:
    yield element("h3", head.name)
    if head.description:
        yield element("p", head.description, kind="soft")
    shown = [plot for plot in plots if plot.head == head.name and plot.kind == "answers"]
    tables = [*wrong(report, head), *(grouped(parts) for parts in parts_of(report.metrics) if parts.head == head.name)]
    if not shown and not tables:
        yield element("p", "Its answers are plain numbers without a declared meaning: nothing to compare.", kind="soft")
        return
    yield element("div", *(picture(plot) for plot in shown), *tables, kind="answers")


def plot_grid(plots: Sequence[Plot]) -> Html:
    return element("div", *(picture(plot) for plot in plots), kind="plots")


def picture(plot: Plot) -> Html:
    """The PNG within the page."""
    data = base64.b64encode(plot.png).decode("ascii")
    width = plot.inches[0] * CSS_INCH
    wide = plot.inches[0] > BIG
    style = f"max-width:{width * 1.15:.0f}px" + (f";min-width:{width * 0.62:.0f}px" if wide else "")
    image = Html(f'<img src="data:image/png;base64,{data}" alt="{text(plot.alt)}" style="{style}">')
    if not wide:
        return element("figure", image, kind="card plot")
    return element("figure", image, kind="card plot big", style=f"flex-basis:{width * 0.88:.0f}px")


def wrong(report: Report, head: Head) -> Iterator[Html]:
    """The mistakes made most often, for a head of more than two labels."""
    truth, answer = report.truth.get(head.name), report.answers.get(head.name)
    if head.kind != "classes" or truth is None or answer is None or not len(answer):
        return
    found = mistakes(labels(head, truth), labels(head, answer), head.labels)
    if not found:
        yield element("div", element("p", "Not one held-out answer is wrong."), kind="card")
        return
    rows = [(each.truth, each.answer, f"{each.times:,} of {each.of:,}") for each in found]
    many = len(head.labels) > MOST_LABELS
    note = f"The matrix shows the most frequent of {number(len(head.labels))} labels." if many else ""
    yield element(
        "div", element("b", "Most frequent mistakes"),
        table(("truth", "answered as", "times"), rows, ("", "", "number")),
        element("p", note, kind="soft fine") if note else "", kind="card",
    )  # fmt: skip


def grouped(parts: Parts) -> Html:
    """A figure for each value of a group, with bars."""
    shown = list(parts.values.items())[:MOST_PARTS]
    full = max((abs(value) for value in parts.values.values()), default=1.0)
    full = max(full, 1.0) if parts.metric in ("accuracy", "macro_f1", "pearson") else full
    rows: list[list[str | float]] = [[value, bar(figure / full if full else 0.0), figure] for value, figure in shown]
    left_out = len(parts.values) - len(shown)
    note = element("p", f"and {left_out:,} more", kind="soft fine") if left_out else ""
    said = WORDS.get(parts.metric, parts.metric.replace("_", " "))
    title = element("b", f"{said} by {parts.group}")
    return element("div", title, table((parts.group, "", ""), rows, ("", "bars", "number")), note, kind="card")
