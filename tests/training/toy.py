"""A recipe that trains in a second: two numbers in, their sum and its sign out, with dropout to be reproduced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.preprocessing import Numbers
from models.signature import Head, Input, Signature, TensorSpec
from training.recipe import Data, Goal, Preset, Recipe, Split

PRESET = Preset(epochs=4, batch_size=16, examples=64, held_out=32)


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    return Data(
        train=split(preset.examples, seed),
        held_out=split(preset.held_out, seed + 1),
        signature=Signature(
            (Input(name="numbers", spec=TensorSpec("float32", (2,))),),
            (
                Head(name="total", spec=TensorSpec("float32", (1,)), kind="regression"),
                Head(name="positive", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes")),
            ),
        ),
        preprocessing={"numbers": Numbers()},
        golden=[{"numbers": [1.0, 2.0]}],
    )


def split(count: int, seed: int) -> Split:
    numbers = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
    total = numbers.sum(-1)
    return Split(
        inputs={"numbers": numbers.tolist()},
        targets={"total": total, "positive": (total > 0).astype(np.float32)},
    )


def build(data: Data, preset: Preset) -> Any:
    import keras

    numbers = keras.Input((2,), name="numbers")
    x = keras.layers.Dense(8, activation="relu")(numbers)
    x = keras.layers.Dropout(float(preset.options.get("dropout", 0.5)))(x)
    heads = {
        "total": keras.layers.Dense(1, name="total")(x),
        "positive": keras.layers.Dense(1, activation="sigmoid", name="positive")(x),
    }
    return keras.Model([numbers], heads)


RECIPE = Recipe(
    name="toy",
    description="Adds two numbers.",
    presets={"smoke": PRESET, "quick": PRESET},
    load=load,
    build=build,
    optimizer=lambda preset, steps: "adam",
    losses={"total": "mse", "positive": "binary_crossentropy"},
    loss_weights={"total": 1.0, "positive": 1.0},
    metrics={"total": ["mae"], "positive": ["accuracy"]},
    goals=(Goal("total", "mean_absolute_error", margin=100.0),),
)
