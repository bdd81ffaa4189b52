"""All plots of a report as PNG files, each with the name of its file. Imports matplotlib: import it late."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from models.signature import Head
from training.evaluation import labels, values
from training.report.confusion import confusion_of
from training.report.curves import curves_of
from training.report.figures import curve_figure, matrix, probabilities, scatter
from training.report.png import as_png, drawing

if TYPE_CHECKING:
    from training.report.report import Report


@dataclass(frozen=True)
class Plot:
    """A PNG of one head, or of the whole model where `head` is empty."""

    file: str
    head: str
    kind: str
    """`curve` or `answers`."""
    alt: str
    png: bytes
    inches: tuple[float, float]


def plots_of(report: Report) -> list[Plot]:
    heads = {head.name: head for head in report.signature.heads}
    drawn = []
    with drawing():
        for curve in curves_of(report.history, list(heads)):
            figure = curve_figure(curve, heads.get(curve.head), report.metrics)
            drawn.append(plot(figure, curve.head, "curve", curve.name, f"{curve.name} over the epochs"))
        for head in heads.values():
            for name, figure, alt in answer_figures(report, head):
                drawn.append(plot(figure, head.name, "answers", name, alt))
    return distinct(drawn)


def plot(figure: Figure, head: str, kind: str, name: str, alt: str) -> Plot:
    file = "-".join(filter(None, [slug(head), slug(name)])) + ".png"
    width, height = figure.get_size_inches()
    said = f"{head}: {alt}" if head else alt
    return Plot(file, head, kind, said, as_png(figure), (float(width), float(height)))


def distinct(plots: list[Plot]) -> list[Plot]:
    """No file twice, also where names differ only in what a file's name cannot hold."""
    used = set[str]({"graph.png"})
    found = []
    for each in plots:
        file, number = each.file, 2
        while file in used:
            file, number = f"{each.file.removesuffix('.png')}-{number}.png", number + 1
        used.add(file)
        found.append(Plot(file, each.head, each.kind, each.alt, each.png, each.inches))
    return found


def slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:60] or ("plot" if text else "")


def answer_figures(report: Report, head: Head) -> Iterator[tuple[str, Figure, str]]:
    """What the head answered, by kind; a head without a declared meaning has none."""
    truth, answer = report.truth.get(head.name), report.answers.get(head.name)
    if truth is None or answer is None or not len(answer):
        return
    if head.kind == "regression":
        yield "scatter", scatter(head, values(head, truth), values(head, answer)), "answers against the truth"
    if head.kind in ("classes", "binary"):
        counted = confusion_of(labels(head, truth), labels(head, answer), head.labels)
        yield "confusion", matrix(head, counted), "which label was taken for which"
    if head.kind == "binary":
        yield (
            "probabilities",
            probabilities(head, labels(head, truth), values(head, answer)),
            "how sure the answers are",
        )
