"""Plain stacks against residual ones, shallow to deep: accuracy after the same steps, gradients before the first.

The blocks are the chapter's own layers (section 7.1.4), narrower; nothing normalises what runs through them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.experiments.classifying import Examples, accuracy, digits, trained
from training.experiments.figures import Figures

SIZES = {"smoke": (1, (4, 10)), "quick": (6, (4, 10, 22, 40))}
"""Epochs, and depths in convolutions: one, and three for each block."""
SIDE, FILTERS, BATCH = 8, 16, 64


def run(preset: str, seed: int) -> Figures:
    import keras

    epochs, depths = SIZES[preset]
    examples = pictures(seed)
    rows: list[tuple[str | int | float, ...]] = []
    for depth in depths:
        found: list[float] = []
        for shortcut in (False, True):
            keras.utils.set_random_seed(seed)
            model = network(depth, shortcut)
            first = gradient_norms(model, examples)[0]
            trained(model, examples, epochs, 0.002)
            found += [accuracy(model, examples), first]
        rows.append((f"{depth} convolutions", *found))
    return Figures(
        "Convolutions one after another, and with a residual connection past every three of them",
        ("", "plain: accuracy", "plain: gradient", "residual: accuracy", "residual: gradient"),
        rows,
        f"Handwritten digits, held out; epochs of training: {epochs}. The gradient is what "
        "is left of the feedback at the first convolution's output before any training, as a length.",
    )


def pictures(seed: int) -> Examples:
    """The digits as maps of one channel."""
    flat = digits(seed)
    return replace(flat, inputs=as_maps(flat.inputs), held_inputs=as_maps(flat.held_inputs))


def as_maps(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels.reshape(-1, SIDE, SIDE, 1)


def network(depth: int, shortcut: bool) -> Any:
    """A convolution, identity blocks of three convolutions each, a head."""
    import keras
    from keras import layers

    from models.zoo.blocks import residual_block

    picture = keras.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(FILTERS, 3, padding="same", activation="relu")(picture)
    for _ in range((depth - 1) // 3):
        x = residual_block(x, FILTERS, "identity", shortcut)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(picture, layers.Dense(10, activation="softmax")(x))


def gradient_norms(model: Any, examples: Examples) -> list[float]:
    """The length of the loss's gradient at the output of each convolution, first to last, over one batch.

    At the output, not at the kernel: that one also grows and shrinks with what runs forward through the layer.
    """
    import keras
    import tensorflow as tf

    outputs = [layer.output for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    watched = keras.Model(model.input, [*outputs, model.output])
    with tf.GradientTape() as tape:
        *maps, answers = watched(tf.Variable(examples.inputs[:BATCH]), training=True)
        losses = keras.losses.categorical_crossentropy(examples.labels[:BATCH], answers)
        loss = tf.reduce_mean(losses)
    return [float(tf.norm(each)) for each in tape.gradient(loss, maps)]


def norms_of_both(depth: int, seed: int) -> dict[str, list[float]]:
    """Gradient lengths by layer of a plain and a residual network, before any training."""
    import keras

    examples = pictures(seed)
    found = {}
    for name, shortcut in (("plain", False), ("residual", True)):
        keras.utils.set_random_seed(seed)
        found[name] = gradient_norms(network(depth, shortcut), examples)
    return found


def plot(path: Path, seed: int = 0, depth: int = 40) -> None:
    """Draws the gradient lengths by layer, plain against residual, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, norms in norms_of_both(depth, seed).items():
        axes.semilogy(range(1, len(norms) + 1), norms, marker=".", label=name)
    axes.set(
        title=f"Feedback before training, {depth} convolutions",
        xlabel="convolution, the first next to the picture",
        ylabel="length of the gradient at its output",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
