"""Three heads with the recipe's loss weights and without: unweighted, the largest loss takes the features (7.1.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.experiments.figures import Figures
from training.frameworks import make_reproducible
from training.recipe import Data, Preset, Recipe

MODEL = "author_profile"
BATCH = 256


def run(preset: str, seed: int) -> Figures:
    from training import recipes

    recipe = recipes.recipe(MODEL)
    size = recipe.presets[preset]
    data = recipe.load(size, seed, None)
    weighted, bare = recipe.loss_weights, dict.fromkeys(recipe.loss_weights, 1.0)
    losses, gradients = at_the_start(recipe, data, size, seed)
    rows: list[tuple[str | int | float, ...]] = []
    for what, parts in (("loss", losses), ("gradient", gradients)):
        shares = [share(parts, weights) for weights in (weighted, bare)]
        rows += [
            (f"share of {head} in the {what} at the start", "", *(each[head] for each in shares)) for head in parts
        ]
    return Figures(
        f"{MODEL}: loss weights {', '.join(f'{weight:g}' for weight in weighted.values())} beside none",
        ("", "naive", "with weights", "without"),
        rows + trained(recipe, data, size, seed),
        "Figures on held-out authors. Gradients are those of the layers that all heads share, before training.",
    )


def trained(recipe: Recipe, data: Data, size: Preset, seed: int) -> list[tuple[str | int | float, ...]]:
    """What each head reaches either way: its figures, and its own loss without any weight."""
    from training.evaluation import evaluate
    from training.fit import fit

    bare = dataclasses.replace(recipe, loss_weights=dict.fromkeys(recipe.loss_weights, 1.0))
    figures: list[Mapping[str, float]] = []
    losses: list[Mapping[str, float]] = []
    for label, variant in (("weighted", recipe), ("unweighted", bare)):
        model = fit(variant, data, size, seed, label=f"{recipe.name}, {label}")
        figures.append(evaluate(variant, data, model).metrics)
        losses.append(loss_by_head(variant, data, model))
    rows: list[tuple[str | int | float, ...]] = [
        (f"loss of {head} in the end", "", *(each[head] for each in losses)) for head in recipe.losses
    ]
    for name in figures[0]:
        if f"{name}/baseline" in figures[0]:
            rows.append((name, figures[0][f"{name}/baseline"], *(each[name] for each in figures)))
    return rows


def at_the_start(recipe: Recipe, data: Data, size: Preset, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """By head: its loss before training, and the norm of its gradient in the layers that all heads share."""
    import tensorflow as tf

    from training.batches import Batches, encode

    make_reproducible(seed)
    model = recipe.build(data, size)
    shared = [weight for layer in model.layers if layer.name not in recipe.losses for weight in layer.trainable_weights]
    batches = Batches(data.signature, encode(data, data.train), data.train.targets, size=BATCH, seed=seed)
    inputs, targets = next(batches.epoch(0))
    losses, gradients = {}, {}
    for head, loss in recipe.losses.items():
        with tf.GradientTape() as tape:
            value = mean_loss(loss, targets[head], model(inputs, training=False)[head])
        losses[head] = float(value)
        parts = [tf.convert_to_tensor(each).numpy().ravel() for each in tape.gradient(value, shared)]
        gradients[head] = float(np.linalg.norm(np.concatenate(parts)))
    return losses, gradients


def loss_by_head(recipe: Recipe, data: Data, model: Any) -> dict[str, float]:
    from training.batches import as_column, encode
    from training.fit import predict

    answers = predict(model, data, encode(data, data.held_out), BATCH, recipe.length_step)
    truth = {head: as_column(target) for head, target in data.held_out.targets.items()}
    return {head: float(mean_loss(loss, truth[head], answers[head])) for head, loss in recipe.losses.items()}


def mean_loss(loss: str, truth: Any, answer: Any) -> Any:
    import keras

    return keras.ops.mean(keras.losses.get(loss)(keras.ops.cast(truth, "float32"), answer))


def share(parts: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    weighted = {head: part * weights[head] for head, part in parts.items()}
    return {head: part / sum(weighted.values()) for head, part in weighted.items()}
