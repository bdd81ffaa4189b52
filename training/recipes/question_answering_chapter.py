"""The chapter's two LSTMs beside the served default, on the same stories and for the same number of epochs.

    python -m training.recipes.question_answering_chapter [PRESET] [SEED]

Knows nothing of artifacts: nothing is exported.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from training.recipes.question_answering import RECIPE


def compare(name: str = "quick", seed: int = 0) -> None:
    """Trains both graphs and prints held-out accuracy by kind and by story length."""
    from training.evaluation import evaluate
    from training.fit import fit

    preset = RECIPE.presets[name]
    data = RECIPE.load(preset, seed, None)
    figures: dict[str, Mapping[str, float]] = {}
    for variant in ("default", "chapter"):
        chosen = replace(preset, options={**preset.options, "variant": variant})
        model = fit(RECIPE, data, chosen, seed, label=variant)
        figures[variant] = evaluate(RECIPE, data, model).metrics
    show(figures)


def show(figures: Mapping[str, Mapping[str, float]], console: Console | None = None) -> None:
    table = Table("held-out accuracy", *figures, title="question_answering", title_justify="left")
    for name in next(iter(figures.values())):
        table.add_row(name.removeprefix("answer/"), *(f"{each[name]:.3f}" for each in figures.values()))
    (console or Console()).print(table)


if __name__ == "__main__":
    given = sys.argv[1:]
    compare(given[0] if given else "quick", int(given[1]) if given[1:] else 0)
