"""The page of a report: one HTML file with everything in it, for any width, by day and by night.

Puts the sections in order; what they say stands in the modules `page_…`, and every text goes through `markup.text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.report.markup import Html, element, join, number, section, text
from training.report.page_graph import graph
from training.report.page_heads import heads
from training.report.page_interface import interface
from training.report.page_scores import figures, tiles
from training.report.page_training import curves, losses, problems, said_of, training
from training.report.scores import scores_of

if TYPE_CHECKING:
    from training.report.plots import Plot
    from training.report.report import Report

STYLE = Path(__file__).with_name("page.css")


def page(report: Report, plots: Sequence[Plot]) -> str:
    scores = scores_of(report.metrics)
    title = text(report.title)
    inside = join([
        element("h1", title),
        element("p", report.description, kind="soft"),
        element("p", summary(report), kind="fine"),
        navigation(report),
        element("div", *tiles(report, scores), kind="tiles"),
        section("figures", "How well it answers", figures(report, scores)),
        section("curves", "How it learnt", curves(plots)),
        section("heads", "What it answers, head by head", heads(report, plots)),
        section("graph", "The graph", graph(report.graph)),
        section("interface", "What it takes and gives", interface(report.signature)),
        section("losses", "Weights of the losses", losses(report.history, report.loss_weights)),
        section("training", "The training", training(report.training, report.frameworks)),
        section("problems", "Data that were not used", problems(report.problems)),
    ])  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}: report</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{inside}\n</main>\n</body>\n</html>\n"
    )


def summary(report: Report) -> str:
    """What was trained on how much, in one line."""
    known = report.training
    said = [
        f"preset {known['preset']}" if "preset" in known else "",
        f"{said_of(known['examples'])} examples" if "examples" in known else "",
        f"{number(report.graph.parameters)} parameters",
        f"{said_of(known['seconds'])} s" if "seconds" in known else "",
    ]
    return " · ".join(filter(None, said))


def navigation(report: Report) -> Html:
    names = {each: each for each in ("figures", "curves", "heads", "graph", "interface", "losses", "training")}
    if report.problems:
        names["problems"] = f"not used ({number(len(report.problems))})"
    return element("nav", *(element("a", said, href=f"#{name}") for name, said in names.items()))
