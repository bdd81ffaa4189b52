"""One model with the heads genre and year beside two models of one head each, with much data and with little (7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.signature import Signature
from training.experiments.figures import Figures
from training.recipe import Data, Preset, Recipe, Split

MODEL = "book"
EXAMPLES = {"smoke": (100,), "quick": (300, 6_000)}
RUNS = {"smoke": 1, "quick": 3}
"""Trainings of each model, each with a seed and with passages of its own."""
STEPS = {"smoke": 4, "quick": 300}
"""At least so many steps, whatever the number of passages."""

Scores = dict[str, float]


def run(preset: str, seed: int) -> Figures:
    from training import recipes

    recipe = recipes.recipe(MODEL)
    rows: list[tuple[str | int | float, ...]] = []
    for examples in EXAMPLES[preset]:
        size = sized(recipe.presets[preset], examples, STEPS[preset])
        runs = [compared(recipe, size, seed + number) for number in range(RUNS[preset])]
        rows += [(name, examples, *row) for name, row in summed_up(runs).items()]
    return Figures(
        f"{MODEL}: both heads in one model, or one model for each",
        ("held-out figure", "passages", "naive", "joint", "separate", "joint - separate"),
        rows,
        f"Means of {RUNS[preset]} trainings, each with a seed and passages of its own, and the least and largest "
        "difference. Same hidden layer, same steps. The passages are invented.",
    )


def summed_up(runs: Sequence[tuple[Scores, Scores]]) -> dict[str, tuple[str | int | float, ...]]:
    """By figure: naive, joint, separate, and how far the two differ."""
    rows: dict[str, tuple[str | int | float, ...]] = {}
    first, _ = runs[0]
    for name in first:
        joint, separate = (np.array([each[side][name] for each in runs]) for side in (0, 1))
        difference = joint - separate
        if f"{name}/baseline" in first:
            naive = float(np.mean([each[f"{name}/baseline"] for each, _ in runs]))
            apart = f"{difference.min():+.3g} to {difference.max():+.3g}"
            rows[name] = (naive, float(joint.mean()), float(separate.mean()), apart)
        elif name == "parameters":
            rows[name] = ("", int(joint.mean()), int(separate.mean()), f"{difference.mean():+,.0f}")
    return rows


def sized(preset: Preset, examples: int, steps: int) -> Preset:
    """The preset with that many examples, and epochs for at least that many steps."""
    return replace(preset, examples=examples, epochs=max(preset.epochs, -(-steps * preset.batch_size // examples)))


def compared(recipe: Recipe, preset: Preset, seed: int) -> tuple[Scores, Scores]:
    """The figures of the joint model, and those of the two separate ones."""
    data = recipe.load(preset, seed, None)
    joint = scores(recipe, data, preset, seed, "joint")
    separate: Scores = {"parameters": 0.0}
    for head in recipe.losses:
        alone = scores(with_head(recipe, head), only(data, head), preset, seed, f"{head} alone")
        alone["parameters"] += separate["parameters"]
        separate |= alone
    return joint, separate


def scores(recipe: Recipe, data: Data, preset: Preset, seed: int, label: str) -> Scores:
    from training.evaluation import evaluate
    from training.fit import fit

    model = fit(recipe, data, preset, seed, label=f"{recipe.name}, {label}, {len(data.train):,} passages")
    return {**evaluate(recipe, data, model).metrics, "parameters": float(model.count_params())}


def with_head(recipe: Recipe, head: str) -> Recipe:
    """The recipe of a model with that head alone."""
    from training.recipes.book import built

    def build(data: Data, preset: Preset) -> Any:
        return built(data, preset, (head,))

    goals = tuple(goal for goal in recipe.goals if goal.head == head)
    return replace(
        recipe, build=build, goals=goals, losses=chosen(recipe.losses, head),
        loss_weights=chosen(recipe.loss_weights, head), metrics=chosen(recipe.metrics, head),
    )  # fmt: skip


def only(data: Data, head: str) -> Data:
    """The data with the targets of one head."""
    signature = Signature(data.signature.inputs, (data.signature.head(head),))
    train, held_out = (
        Split(inputs=each.inputs, targets=chosen(each.targets, head)) for each in (data.train, data.held_out)
    )
    return replace(data, signature=signature, train=train, held_out=held_out)


def chosen(mapping: Mapping[str, Any], head: str) -> dict[str, Any]:
    return {head: mapping[head]}
