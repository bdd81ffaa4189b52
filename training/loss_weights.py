"""`python -m training.loss_weights MODEL`: trains with the recipe's loss weights and without, and compares the heads.

Exports nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training import recipes


def main(
    model: Annotated[str, typer.Argument(help="A model with several heads.")] = "author_profile",
    preset: Annotated[str, typer.Option(help="smoke, quick or full.")] = "quick",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """What each head of a model reaches on held-out examples, with and without loss weights."""
    from training.evaluation import evaluate
    from training.fit import fit

    recipe, size = recipes.recipe(model), recipes.recipe(model).presets[preset]
    bare = dataclasses.replace(recipe, loss_weights=dict.fromkeys(recipe.loss_weights, 1.0))
    data = recipe.load(size, seed, None)
    figures = []
    for label, variant in (("weighted", recipe), ("unweighted", bare)):
        trained = fit(variant, data, size, seed, label=f"{model}, {label}")
        figures.append(evaluate(variant, data, trained).metrics)
    table = Table("held-out figure", "naive", "with weights", "without")
    for name in figures[0]:
        if f"{name}/baseline" in figures[0]:
            row = (figures[0][f"{name}/baseline"], figures[0][name], figures[1][name])
            table.add_row(name, *(f"{value:.3f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
