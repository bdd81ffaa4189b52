"""`python -m training`: trains models into the store. Loads recipes and Keras only when there is something to train."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from training.processes import Stopped, end_with_parent, stop_on_signals, training_alone

if __name__ == "__main__":
    stop_on_signals()  # before the slow imports, so that an early Ctrl-C is as quiet as a late one

import typer

from models.artifact import versions
from training import recipes
from training.run import NotGoodEnough, Run, train

STORE = Path(__file__).resolve().parent.parent / "store"


class PresetName(StrEnum):
    smoke = "smoke"
    quick = "quick"
    full = "full"


def main(
    models: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(recipes.NAMES)}.")] = None,
    preset: Annotated[PresetName, typer.Option(help="How much to train; smoke claims no accuracy.")] = PresetName.quick,
    data: Annotated[Path | None, typer.Option(help="Real data instead of the model's own source.")] = None,
    store: Annotated[Path, typer.Option(help="Where artifacts go.")] = STORE,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine, same figures.")] = 0,
    missing: Annotated[bool, typer.Option("--missing", help="Only models that have no version in the store.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every default model, as without any name.")] = False,
    results: Annotated[Path | None, typer.Option(help="A folder for the held-out figures as JSON.")] = None,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Trains models and puts each into the store as its next version."""
    if with_parent:
        end_with_parent()
    chosen = choose(models or [], every)
    if data is not None and not data.is_dir():
        raise typer.BadParameter(f"{data} is not a folder", param_hint="--data")
    wanted = [name for name in chosen if not (missing and versions(store / name))]
    if not wanted:
        print(f"every model has a version in {store}")
        return
    for name in wanted:
        (store / name).mkdir(parents=True, exist_ok=True)
    run = Run(preset.value, seed, store, data, results)
    failed = [name for name in wanted if not one(name, run, missing)]
    raise typer.Exit(1 if failed else 0)


def choose(models: list[str], every: bool) -> list[str]:
    """The names asked for, in the order in which they are trained. Raises BadParameter."""
    unknown = [name for name in models if name not in recipes.NAMES]
    if unknown:
        raise typer.BadParameter(f"no such model: {', '.join(unknown)} (there are {', '.join(recipes.NAMES)})")
    return [name for name in recipes.NAMES if every or not models or name in models]


def one(name: str, run: Run, missing: bool) -> bool:
    """Trains one model. Whether it may be served now; one failure does not keep the others from being trained."""
    with training_alone(run.store / name, say):
        if missing and versions(run.store / name):
            say(f"{name}: another process has just trained it")
            return True
        recipe = recipes.recipe(name)
        if run.folder is not None and recipe.on_data is not None:
            recipe.on_data(run.folder, recipe.presets[run.preset], run.seed)
            return True
        say(f"{name}: training, preset {run.preset}, seed {run.seed}")
        try:
            train(recipe, run)
        except (NotGoodEnough, ArithmeticError, OSError, RuntimeError, ValueError) as error:
            say(f"{name}: {error}")
            return False
        return True


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except Stopped as stopped:
        print(f"\nstopped by {stopped}; the next training goes on after the last finished epoch", file=sys.stderr)
        sys.exit(stopped.exit_code)
