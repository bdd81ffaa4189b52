"""Inception modules against stacks of 3 × 3 convolutions: as many parameters, or as many channels (section 7.1.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from training.experiments.classifying import accuracy, garments, trained
from training.experiments.figures import Figures

SIZES = {"smoke": (64, 64, 1, 1, 8), "quick": (1_500, 600, 8, 2, 24)}
"""Photos to train on, photos held out, epochs, repetitions, filters."""
SIDE = 48
MODULES = 2


def run(preset: str, seed: int) -> Figures:
    import keras

    count, held_out, epochs, repetitions, filters = SIZES[preset]
    examples = garments(count, held_out, seed, SIDE)
    rows: list[tuple[str | int | float, ...]] = []
    for name, build in contenders(filters).items():
        figures, steps = [], []
        for repetition in range(repetitions):
            keras.utils.set_random_seed(seed + repetition)
            model = build()
            steps.append(trained(model, examples, epochs, 0.004))
            figures.append(accuracy(model, examples))
        rows.append((name, model.count_params(), float(np.median(steps)) * 1000, min(figures), max(figures)))
    return Figures(
        "Inception modules and plain stacks between the same stem and the same head, on rendered garments",
        ("", "parameters", "ms of processor a step", "accuracy, worst run", "best run"),
        rows,
        f"{count:,} photos to train on, {held_out:,} held out, {epochs} epochs, runs with other first weights: "
        f"{repetitions}; all batch-normalised. The modules have the channels of the wide stack with a quarter of its "
        "parameters; at this size they are not more accurate than the narrow stack.",
    )


def contenders(filters: int) -> dict[str, Callable[[], Any]]:
    """Networks by name: inception modules, and stacks of as many parameters, and of as many channels."""
    target = network(lambda x: modules(x, filters), filters).count_params()
    alike = min(range(1, 8 * filters), key=lambda width: abs(plain_parameters(width, filters) - target))
    return {
        f"inception modules, {filters} filters a branch": lambda: network(lambda x: modules(x, filters), filters),
        f"3 × 3 convolutions, {alike} filters": lambda: network(lambda x: plain(x, alike), filters),
        f"3 × 3 convolutions, {4 * filters} filters": lambda: network(lambda x: plain(x, 4 * filters), filters),
    }


def plain_parameters(width: int, filters: int) -> int:
    """Of the whole network with a plain stack of this width, counted without building it."""
    stem, convolutions = (27 + 4) * filters, (9 * (filters + 3 * width) + 4 * 4) * width
    return stem + convolutions + 10 * width + 10


def network(middle: Callable[[Any], Any], filters: int) -> Any:
    """A stem that halves the photo and pools it, the middle, and a head for ten kinds."""
    import keras
    from keras import layers

    from models.zoo.blocks import convolution

    photo = keras.Input((SIDE, SIDE, 3))
    x = convolution(photo, filters, 3, strides=2, normalise=True)
    x = layers.GlobalAveragePooling2D()(middle(layers.MaxPooling2D(2)(x)))
    return keras.Model(photo, layers.Dense(10, activation="softmax")(x))


def modules(x: Any, filters: int) -> Any:
    from models.zoo.blocks import inception_module

    for _ in range(MODULES):
        x = inception_module(x, filters, normalise=True)
    return x


def plain(x: Any, width: int) -> Any:
    """For each module two convolutions, the second of stride 2: as deep as its deepest branch but for the 1 × 1."""
    from models.zoo.blocks import convolution

    for _ in range(MODULES):
        x = convolution(x, width, 3, normalise=True)
        x = convolution(x, width, 3, strides=2, normalise=True)
    return x
