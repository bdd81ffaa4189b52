"""The part of a report's page about the training: curves, weights of the losses, facts, rows that were not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from training.report.curves import shares
from training.report.markup import Html, bar, element, join, number, pairs, table
from training.report.page_heads import plot_grid

if TYPE_CHECKING:
    from training.report.plots import Plot

SHOWN_PROBLEMS = 100
OPEN_PROBLEMS = 12
FACTS = {
    "data": "data source", "examples": "examples to train on", "held_out": "examples held out",
    "batch_size": "batch size", "seconds": "seconds, all in all",
}  # fmt: skip


def curves(plots: Sequence[Plot]) -> Html:
    shown = [plot for plot in plots if plot.kind == "curve"]
    if not shown:
        return element("p", "There is no history of this training.", kind="card")
    note = (
        "Training figures are means over each epoch, while the weights change, and with dropout and the like. "
        "Validation is a sample of the held-out examples after each epoch; it decides nothing."
    )
    return join([plot_grid(shown), element("p", note, kind="soft fine")])


def losses(history: Mapping[str, Sequence[float]], weights: Mapping[str, float]) -> Html:
    """What each head's loss counts, and how much of the whole it was."""
    if not weights:
        return Html("")
    parts = [shares(history, weights, epoch) for epoch in (0, -1)] if len(weights) > 1 else []
    known = [part for part in parts if part]
    columns = ["head", "weight", *(["part of the whole, first epoch", "last epoch"] if len(known) == 2 else [])]
    rows: list[list[str | float]] = [
        [head, f"{weight:g}", *(share(part[head]) for part in known if len(known) == 2)]
        for head, weight in weights.items()
    ]
    return element("div", table(columns, rows, ["", "number", *["part" for _ in columns[2:]]]), kind="card")


def share(part: float) -> Html:
    return join([f"{100 * part:.0f} %", bar(part)])


def training(facts: Mapping[str, str | int | float], frameworks: Mapping[str, str]) -> Html:
    said = {FACTS.get(name, name.replace("_", " ")): said_of(value) for name, value in facts.items()}
    cards = [element("div", pairs(values), kind="card") for values in (said, frameworks) if values]
    return element("div", *cards, kind="sides") if cards else Html("")


def said_of(value: str | int | float) -> str:
    """As the training noted it, no digit added."""
    return f"{value:,g}" if isinstance(value, float) else number(value) if isinstance(value, int) else value


def problems(said: Sequence[str]) -> Html:
    """The first of them; the file beside the page has them all."""
    if not said:
        return Html("")
    rows = element("ol", *(element("li", each) for each in said[:SHOWN_PROBLEMS]), kind="rows")
    more = len(said) - SHOWN_PROBLEMS
    note = f"{number(more)} more are in " if more > 0 else "The same list is in "
    link = element("p", note, element("a", "not-used.txt", href="not-used.txt"), kind="fine soft")
    head = element("summary", f"{number(len(said))} {'row' if len(said) == 1 else 'rows'}, with the reason")
    is_open = {"open": "open"} if len(said) <= OPEN_PROBLEMS else {}
    return element("div", element("details", head, rows, link, **is_open), kind="card")
