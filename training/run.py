"""One training from recipe to artifact: data, fit, evaluation, and export if the figures allow it.

Knows nothing of the command line.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from training.recipe import Data, Option, Preset, Recipe

CHECKPOINTS = ".training"


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


def train(recipe: Recipe, run: Run) -> Path:
    """The new version's folder. Raises NotGoodEnough."""
    from training.evaluation import evaluate, show
    from training.export import export
    from training.fit import fit

    begun = time.monotonic()
    preset = recipe.presets[run.preset]
    data = recipe.load(preset, run.seed, run.folder)
    checkpoints = run.store / CHECKPOINTS / recipe.name
    model = fit(recipe, data, preset, run.seed, checkpoints)
    evaluation = evaluate(recipe, data, model)
    show(f"{recipe.name}, preset {run.preset}", evaluation)
    if recipe.report is not None:
        recipe.report(evaluation.metrics)
    seconds = round(time.monotonic() - begun, 1)
    record = facts(data, preset, run, seconds, int(model.count_params()))
    if run.results is not None:
        save_results(run.results, recipe.name, record, evaluation.metrics)
    judge(recipe, run.preset, evaluation.misses)
    version = export(recipe, data, model, evaluation.metrics, record, run.store)
    shutil.rmtree(checkpoints, ignore_errors=True)
    print(f"{recipe.name}: version {version.name} is in {version} after {seconds:.0f} s", flush=True)
    return version


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
    }


def judge(recipe: Recipe, preset: str, misses: tuple[str, ...]) -> None:
    """Refuses a model that learnt too little; of the preset `smoke` nothing is expected but to be told."""
    if misses and preset == "smoke":
        print(f"{recipe.name}: the preset smoke claims no accuracy: {'; '.join(misses)}", flush=True)
    elif misses:
        raise NotGoodEnough(f"not exported: {'; '.join(misses)}")


def save_results(folder: Path, name: str, record: dict[str, Option], metrics: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    said = json.dumps({"training": record, "metrics": metrics}, indent=1)
    (folder / f"{name}-{record['preset']}.json").write_text(said + "\n", encoding="utf-8")
