"""Everything a report tells, and how it comes into its folder. Knows neither drawing nor HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from models.signature import Signature
from training.report.dag import Dag

PAGE, GRAPH, PROBLEMS = "index.html", "graph.png", "not-used.txt"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One training: what was made, from what, and how well it answers held-out examples."""

    title: str
    description: str
    signature: Signature
    metrics: Mapping[str, float]
    """By `head/metric`, `head/metric/baseline` and `head/metric/group=value`."""
    history: Mapping[str, Sequence[float]]
    """One number for each epoch, by the names that Keras gives: `loss`, `age_mae`, `val_age_loss` …"""
    truth: Mapping[str, NDArray[Any]]
    """Held-out targets by head."""
    answers: Mapping[str, NDArray[Any]]
    """The raw tensor of each head for each held-out example."""
    loss_weights: Mapping[str, float]
    training: Mapping[str, str | int | float]
    frameworks: Mapping[str, str]
    problems: Sequence[str]
    """Rows of data that were not used: `FILE:LINE: why`."""
    graph: Dag


def write_report(folder: Path, report: Report) -> None:
    """Creates the folder with the page and its plots. Only here is matplotlib imported."""
    from training.report.graph_picture import to_png
    from training.report.page import page
    from training.report.picture import picture_of
    from training.report.plots import plots_of

    folder.mkdir(parents=True, exist_ok=True)
    plots = plots_of(report)
    for plot in plots:
        (folder / plot.file).write_bytes(plot.png)
    (folder / GRAPH).write_bytes(to_png(picture_of(report.graph)))
    (folder / PAGE).write_text(page(report, plots), encoding="utf-8")
    if report.problems:
        (folder / PROBLEMS).write_text("\n".join(report.problems) + "\n", encoding="utf-8")
