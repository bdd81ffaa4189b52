"""`python -m training`: trains models into the store. Loads recipes and Keras only when there is something to train."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from training.processes import Stopped, end_with_parent, stop_on_signals, training_alone

if __name__ == "__main__":
    stop_on_signals()  # before the slow imports, so that an early Ctrl-C is as quiet as a late one

import typer

from models.artifact import versions
from training import recipes
from training.execution import Execution
from training.recipe import Option
from training.run import NotGoodEnough, Run, train

STORE = Path(__file__).resolve().parent.parent / "store"


class PresetName(StrEnum):
    smoke = "smoke"
    quick = "quick"
    full = "full"


class StrategyName(StrEnum):
    none = "none"
    mirrored = "mirrored"


def main(
    models: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join([*recipes.NAMES, *recipes.PRETRAINED])}.")
    ] = None,
    preset: Annotated[PresetName, typer.Option(help="How much to train; smoke claims no accuracy.")] = PresetName.quick,
    data: Annotated[Path | None, typer.Option(help="Real data instead of the model's own source.")] = None,
    store: Annotated[Path, typer.Option(help="Where artifacts go.")] = STORE,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine, same figures.")] = 0,
    missing: Annotated[bool, typer.Option("--missing", help="Only models that have no version in the store.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every default model, as without any name.")] = False,
    results: Annotated[Path | None, typer.Option(help="A folder for the held-out figures as JSON.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: another value for an option of the preset.")
    ] = None,
    mixed_precision: Annotated[bool, typer.Option("--mixed-precision", help="Train in 16 bits; served in 32.")] = False,
    xla: Annotated[bool, typer.Option("--xla", help="Compile the training step, once for each shape.")] = False,
    strategy: Annotated[
        StrategyName, typer.Option(help="mirrored: a copy of the model on each GPU, or on each logical device.")
    ] = StrategyName.none,
    tensorboard: Annotated[Path | None, typer.Option(help="A folder for TensorBoard's logs.")] = None,
    weights: Annotated[
        str | None, typer.Option(help=f"For {', '.join(recipes.PRETRAINED)}: a file of weights, or 'random'.")
    ] = None,
    breaking: Annotated[
        str | None,
        typer.Option(
            help="Why the new version may break the contract of the one before; without it it would be refused."
        ),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="What the classes of --weights are called, one a line.")] = None,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Trains models and puts each into the store as its next version."""
    if with_parent:
        end_with_parent()
    chosen = choose(models or [], every)
    if data is not None and not data.is_dir():
        raise typer.BadParameter(f"{data} is not a folder", param_hint="--data")
    if (weights or labels) and not set(chosen) <= set(recipes.PRETRAINED):
        raise typer.BadParameter(f"only for {', '.join(recipes.PRETRAINED)}", param_hint="--weights, --labels")
    wanted = [name for name in chosen if not (missing and versions(store / name))]
    if not wanted:
        print(f"every model has a version in {store}")
        return
    if breaking is not None and (len(wanted) != 1 or not breaking.strip()):
        raise typer.BadParameter("a reason, for one model", param_hint="--breaking")
    options = parse_options(option or [], wanted, preset.value)
    for folder in filter(None, (store, results, tensorboard)):
        make_folder(folder)
    for name in set(wanted) & set(recipes.NAMES):
        make_folder(store / name)
    execution = Execution(
        mixed_precision=mixed_precision, xla=xla, strategy=strategy.value, tensorboard=tensorboard
    )  # fmt: skip
    run = Run(preset.value, seed, store, data, results, options, execution, breaking or "")
    failed = [name for name in wanted if not one(name, run, missing, weights, labels)]
    raise typer.Exit(1 if failed else 0)


def make_folder(folder: Path) -> None:
    """Before anything is trained. Raises BadParameter."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder} cannot be a folder: {error.strerror}") from None


def choose(models: list[str], every: bool) -> list[str]:
    """The names asked for, in the order in which they are trained. Raises BadParameter."""
    known = (*recipes.NAMES, *recipes.PRETRAINED)
    unknown = [name for name in models if name not in known]
    if unknown:
        raise typer.BadParameter(f"no such model: {', '.join(unknown)} (there are {', '.join(known)})")
    return [name for name in known if name in models or (name in recipes.NAMES and (every or not models))]


def parse_options(given: list[str], names: list[str], preset: str) -> dict[str, Option]:
    """`NAME=VALUE` as the type that the option has in every one of these recipes. Raises BadParameter."""
    options: dict[str, Option] = {}
    for each in given:
        name, separator, value = each.partition("=")
        for model in names:
            known = recipes.recipe(model).presets[preset].options if model in recipes.NAMES else {}
            if not separator or name not in known:
                expected = ", ".join(f"{key}={default}" for key, default in known.items()) or "none"
                raise typer.BadParameter(f"{each!r}; {model} has the options {expected}", param_hint="--option")
            options[name] = converted(value, type(known[name]), each)
    return options


def converted(value: str, kind: type[Option], given: str) -> Option:
    try:
        return kind(value)
    except ValueError:
        raise typer.BadParameter(f"{given!r}: expected {kind.__name__}", param_hint="--option") from None


def one(name: str, run: Run, missing: bool, weights: str | None, labels: Path | None) -> bool:
    """Makes one model. Whether it may be served now; one failure does not keep the others from being made."""
    if name in recipes.PRETRAINED:
        return attempt(name, lambda: imported(name, run, weights, labels))
    with training_alone(run.store / name, say):
        if missing and versions(run.store / name):
            say(f"{name}: another process has just trained it")
            return True
        return attempt(name, lambda: trained(name, run))


def attempt(name: str, make: Callable[[], None]) -> bool:
    try:
        make()
    except (NotGoodEnough, ArithmeticError, OSError, RuntimeError, ValueError) as error:
        say(f"{name}: {error}")
        return False
    return True


def trained(name: str, run: Run) -> None:
    """By its recipe, or by what the recipe runs instead on real data."""
    recipe = recipes.recipe(name)
    if run.folder is not None and recipe.on_data is not None:
        recipe.on_data(run.folder, recipe.presets[run.preset], run.seed)
        return
    say(f"{name}: training, preset {run.preset}, seed {run.seed}")
    train(recipe, run)


def imported(name: str, run: Run, weights: str | None, labels: Path | None) -> None:
    """An architecture with weights from a file. Raises ValueError for a file that does not fit."""
    from training.pretrained import export_pretrained

    if weights is None:
        raise ValueError("its weights come from a file: --weights FILE; or --weights random, which answers by chance")
    folder = export_pretrained(recipes.pretrained(name), weights, labels, run.store, run.breaking)
    say(f"{name}: version {folder.name} is in {folder}")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except Stopped as stopped:
        print(f"\nstopped by {stopped}; the next training goes on after the last finished epoch", file=sys.stderr)
        sys.exit(stopped.exit_code)
