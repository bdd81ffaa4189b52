"""A network with one layer that is too narrow, and the same with a residual connection past it (section 7.1.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.experiments.classifying import accuracy, digits, trained
from training.experiments.figures import Figures

SIZES = {"smoke": (1, 1, (2,)), "quick": (40, 3, (1, 2, 4, 16))}
"""Epochs, repetitions, units of the narrow layer."""
WIDTH = 64


def run(preset: str, seed: int) -> Figures:
    import keras

    epochs, repetitions, narrows = SIZES[preset]
    examples = digits(seed)
    rows: list[tuple[str | int | float, ...]] = []
    for narrow in narrows:
        reached: list[float] = []
        for past in (False, True):
            runs = []
            for repetition in range(repetitions):
                keras.utils.set_random_seed(seed + repetition)
                model = network(narrow, past)
                trained(model, examples, epochs, 0.005, batch_size=128)
                runs.append(accuracy(model, examples))
            reached.append(float(np.mean(runs)))
        rows.append((narrow, *reached))
    return Figures(
        "Handwritten digits through a narrow layer, and past it too",
        ("units of the narrow layer", "accuracy", "accuracy with a residual connection past it"),
        rows,
        f"{WIDTH} units before and after the narrow layer; held-out digits; the mean of runs with other first weights: "
        f"{repetitions}. The connection adds what the narrow layer was given to what became of it.",
    )


def network(narrow: int, past: bool) -> Any:
    """64 pixels, 64 units, the narrow layer, 64 units (plus what came before it), ten digits."""
    import keras
    from keras import layers

    pixels = keras.Input((64,))
    before = layers.Dense(WIDTH, activation="relu")(pixels)
    squeezed = layers.Dense(narrow, activation="relu")(before)
    after = layers.Dense(WIDTH, activation="relu")(squeezed)
    x = layers.add([after, before]) if past else after
    return keras.Model(pixels, layers.Dense(10, activation="softmax")(x))
