"""`python -m training.experiments`: runs experiments and prints their tables. Exports no model."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training import experiments
from training.frameworks import make_reproducible


class PresetName(StrEnum):
    smoke = "smoke"
    quick = "quick"


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(experiments.NAMES)}.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every experiment, in the order of the chapter.")] = False,
    preset: Annotated[PresetName, typer.Option(help="smoke shows only that it runs.")] = PresetName.quick,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine, same figures.")] = 0,
    results: Annotated[Path | None, typer.Option(help="A folder for NAME-PRESET.json.")] = None,
    plots: Annotated[Path | None, typer.Option(help="A folder for NAME.png, where an experiment has a plot.")] = None,
) -> None:
    """Runs experiments of the chapter, each as one table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow calls an attribute of its own data sets an error
    console = Console()
    for name in choose(names or [], every):
        make_reproducible(seed)
        figures = experiments.experiment(name)(preset.value, seed)
        console.print(figures.table())
        if results is not None:
            figures.save(results / f"{name}-{preset.value}.json", preset.value, seed)
        draw = experiments.plot(name)
        if plots is not None and draw is not None:
            plots.mkdir(parents=True, exist_ok=True)
            draw(plots / f"{name}.png", seed)


def choose(names: list[str], every: bool) -> list[str]:
    """The names asked for, in the order of the chapter. Raises BadParameter."""
    there = ", ".join(experiments.NAMES)
    unknown = [name for name in names if name not in experiments.NAMES]
    if unknown:
        raise typer.BadParameter(f"no such experiment: {', '.join(unknown)} (there are {there})")
    if not names and not every:
        raise typer.BadParameter(f"name some of {there}; or --all")
    return [name for name in experiments.NAMES if every or name in names]


if __name__ == "__main__":
    typer.run(main)
