"""The single plots of a report as matplotlib figures: curves, truth against answer, matrices, probabilities.

Imports matplotlib: import it late. Every plot is a figure of its own, so that a narrow page can stack them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from models.signature import Head
from training.report.confusion import Confusion
from training.report.curves import Curve

TRAINING, VALIDATION, NAIVE = "#2563eb", "#ea580c", "#6b7280"
DPI = 160
MANY_POINTS = 3_000
WIDE_RANGE = 30.0
"""A loss that falls by more than this is drawn on a logarithmic axis."""


def figure_of(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.add_subplot()


def curve_figure(curve: Curve, head: Head | None, metrics: Mapping[str, float]) -> Figure:
    figure, axes = figure_of(4.2, 2.7)
    seen = [*curve.training, *curve.validation]
    for numbers, name, colour in ((curve.training, "training", TRAINING), (curve.validation, "validation", VALIDATION)):
        if numbers:
            marker = "o" if len(numbers) <= 12 else ""
            epochs = range(1, len(numbers) + 1)
            clean = [number if np.isfinite(number) else np.nan for number in numbers]
            axes.plot(epochs, clean, color=colour, marker=marker, markersize=3.5, linewidth=1.6, label=name)
    naive = metrics.get(f"{curve.figure}/baseline")
    if naive is not None and np.isfinite(naive):
        axes.axhline(naive, color=NAIVE, linestyle="--", linewidth=1.1, label="naive, held out")
    if curve.name == "loss" and min(seen, default=0.0) > 0 and max(seen) > WIDE_RANGE * min(seen):
        axes.set_yscale("log")
        # Matplotlib writes powers of ten as formulas, which are not parsed here: names may hold a `$`.
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{curve.head} · {words(curve.name)}" if curve.head else "whole loss, weighted")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.1)
    if max(len(curve.training), len(curve.validation)) == 1:
        axes.set_xlim(0.5, 1.5)
    if head is not None and head.unit and "absolute" in words(curve.name):
        axes.set_ylabel(head.unit)
    axes.grid(visible=True, axis="y")
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    return figure


def words(name: str) -> str:
    return {"mae": "mean absolute error", "mse": "mean squared error"}.get(name, name.replace("_", " "))


def scatter(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> Figure:
    figure, axes = figure_of(4.2, 4.0)
    finite = np.isfinite(truth.astype(float)) & np.isfinite(answer.astype(float))
    truth, answer = truth[finite].astype(float), answer[finite].astype(float)
    places = np.random.default_rng([len(truth)]).permutation(len(truth))[:MANY_POINTS]
    low, high = limits(truth, answer)
    axes.plot([low, high], [low, high], color=NAIVE, linewidth=1.1, linestyle="--", label="right answer")
    size, alpha = (14.0, 0.5) if len(places) <= 300 else (7.0, 0.3)
    axes.scatter(truth[places], answer[places], s=size, alpha=alpha, color=TRAINING, linewidths=0)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    unit = f" ({head.unit})" if head.unit else ""
    axes.set_xlabel(f"truth{unit}")
    axes.set_ylabel(f"answer{unit}")
    sample = f"{len(places):,} of {len(truth):,} examples" if len(places) < len(truth) else "truth and answer"
    axes.set_title(f"{head.name} · {sample}")
    axes.grid(visible=True)
    axes.legend(loc="upper left")
    return figure


def limits(truth: NDArray[Any], answer: NDArray[Any]) -> tuple[float, float]:
    """Both axes alike. A few wild answers do not squeeze the rest: they are drawn as far as the range goes twice."""
    if not len(truth):
        return 0.0, 1.0
    low, high = float(truth.min()), float(truth.max())
    spread = (high - low) or max(abs(high), 1.0)
    low, high = max(min(low, float(answer.min())), low - spread), min(max(high, float(answer.max())), high + spread)
    margin = 0.04 * ((high - low) or spread)
    return low - margin, high + margin


def matrix(head: Head, confusion: Confusion) -> Figure:
    count = len(confusion.labels)
    side = min(max(3.0, 1.7 + 0.36 * count), 9.6)
    figure, axes = figure_of(side + 0.6, side)
    axes.imshow(confusion.rates, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
    names = [cut(label) for label in confusion.labels]
    axes.set_xticks(range(count), names, rotation=0 if count <= 3 else 90)
    axes.set_yticks(range(count), names)
    axes.tick_params(length=0, labelsize=9 if count <= 12 else 7.5)
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(visible=True, which="minor", color="#eef0f3", linewidth=0.7)
    axes.tick_params(which="minor", length=0)
    annotate(axes, confusion)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.set_title(f"{head.name} · truth and answer")
    return figure


def annotate(axes: Axes, confusion: Confusion) -> None:
    """The counts, white where the cell is dark; zeros stay empty."""
    size = 9.0 if len(confusion.labels) <= 12 else 6.5
    for row, column in zip(*np.nonzero(confusion.counts), strict=True):
        colour = "white" if confusion.rates[row, column] > 0.55 else "#1f2937"
        number = f"{confusion.counts[row, column]:,}"
        axes.text(column, row, number, ha="center", va="center", fontsize=size, color=colour)


def probabilities(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> Figure:
    figure, axes = figure_of(4.2, 3.0)
    edges = np.linspace(0.0, 1.0, 21)
    finite = np.isfinite(answer.astype(float))
    for label, colour in ((0, VALIDATION), (1, TRAINING)):
        chosen = answer[finite & (truth == label)].astype(float)
        axes.hist(
            np.clip(chosen, 0.0, 1.0),
            bins=edges.tolist(),
            color=colour,
            alpha=0.6,
            label=f"is {cut(head.labels[label])}",
        )
    axes.set_xlabel(f"answered probability of {cut(head.labels[1])}")
    axes.set_ylabel("examples")
    axes.set_title(f"{head.name} · how sure")
    axes.grid(visible=True, axis="y")
    axes.legend()
    return figure


def cut(text: str, most: int = 22) -> str:
    """One line of printable letters."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
