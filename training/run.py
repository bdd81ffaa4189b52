"""One training from recipe to artifact: data, fit, evaluation, and export if the figures allow it.

Knows nothing of the command line.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.execution import PLAIN, Execution
from training.frameworks import versions
from training.recipe import Data, Option, Preset, Recipe

if TYPE_CHECKING:
    from training.evaluation import Evaluation
    from training.report import Report

CHECKPOINTS = ".training"
REPORT = "report"


class NotGoodEnough(RuntimeError):
    """The held-out figures do not beat their naive baselines, so nothing was exported."""


@dataclass(frozen=True)
class Run:
    """What the command line asked for."""

    preset: str
    seed: int
    store: Path
    folder: Path | None = None
    """Real data instead of the recipe's own source."""
    results: Path | None = None
    """Where to leave the figures as JSON."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Options of the preset, changed."""
    execution: Execution = PLAIN
    breaking: str = ""
    """Why the new version may break the contract of the one before."""


def train(recipe: Recipe, run: Run) -> Path:
    """The new version's folder. Raises NotGoodEnough."""
    from training.evaluation import evaluate, show
    from training.export import export
    from training.fit import fit
    from training.report import write_report

    begun = time.monotonic()
    preset = recipe.presets[run.preset]
    preset = replace(preset, options={**preset.options, **run.options})
    data = recipe.load(preset, run.seed, run.folder)
    tell(recipe.name, data)
    checkpoints = run.store / CHECKPOINTS / recipe.name
    curves: dict[str, list[float]] = {}
    model = fit(recipe, data, preset, run.seed, checkpoints, execution=run.execution, curves=curves)
    evaluation = evaluate(recipe, data, model)
    show(f"{recipe.name}, preset {run.preset}", evaluation)
    if recipe.report is not None:
        recipe.report(evaluation.metrics)
    seconds = round(time.monotonic() - begun, 1)
    record = facts(data, preset, run, seconds, int(model.count_params()))
    if run.results is not None:
        save_results(run.results, recipe.name, record, evaluation.metrics, run.folder)
    report = report_of(recipe, data, model, evaluation, curves, record)
    if evaluation.misses and run.preset != "smoke":
        write_report(checkpoints / REPORT, report)
        misses = "; ".join(evaluation.misses)
        raise NotGoodEnough(f"not exported: {misses}; a report is in {checkpoints / REPORT}")
    if evaluation.misses:
        print(f"{recipe.name}: the preset smoke claims no accuracy: {'; '.join(evaluation.misses)}", flush=True)
    version = export(
        recipe,
        data,
        model,
        evaluation.metrics,
        record,
        run.store,
        lambda folder: write_report(folder / REPORT, report),
        run.breaking,
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    print(f"{recipe.name}: version {version.name} is in {version} after {seconds:.0f} s", flush=True)
    return version


def tell(name: str, data: Data) -> None:
    """How much there is to train on, and every row of the data that could not be used."""
    for problem in data.problems:
        print(f"{name}: not used: {problem}", flush=True)
    left_out = f", {len(data.problems):,} rows not used" if data.problems else ""
    print(f"{name}: {len(data.train):,} examples to train on, {len(data.held_out):,} held out{left_out}", flush=True)


def report_of(
    recipe: Recipe,
    data: Data,
    model: Any,
    evaluation: Evaluation,
    curves: Mapping[str, Sequence[float]],
    record: Mapping[str, Option],
) -> Report:
    from training.report import Report
    from training.report.dag import dag_of

    return Report(
        title=recipe.name,
        description=data.description or recipe.description,
        signature=data.signature,
        metrics=evaluation.metrics,
        history=curves,
        truth=data.held_out.targets,
        answers=evaluation.answers,
        loss_weights=recipe.loss_weights,
        training=record,
        frameworks=versions(),
        problems=data.problems,
        graph=dag_of(model),
    )


def facts(data: Data, preset: Preset, run: Run, seconds: float, parameters: int) -> dict[str, Option]:
    return {
        "preset": run.preset,
        "seed": run.seed,
        "data": data.source,
        "examples": len(data.train),
        "held_out": len(data.held_out),
        "epochs": preset.epochs,
        "batch_size": preset.batch_size,
        "parameters": parameters,
        "seconds": seconds,
        **asked(run),
    }


def asked(run: Run) -> dict[str, Option]:
    """What the command line changed: other figures than the recipe's have a reason that can be read."""
    execution = {name: str(value) for name, value in vars(run.execution).items() if value != getattr(PLAIN, name)}
    return {**execution, **{f"option {name}": value for name, value in run.options.items()}}


def save_results(
    folder: Path, name: str, record: Mapping[str, Option], metrics: Mapping[str, float], data: Path | None
) -> None:
    """`<model>-<preset>.json`, or `<model>-<preset>-<folder>.json` for real data."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [name, str(record["preset"]), *([data.resolve().name] if data is not None else [])]
    said = json.dumps({"training": record, "metrics": metrics}, indent=1)
    (folder / f"{'-'.join(parts)}.json").write_text(said + "\n", encoding="utf-8")
