"""What the experiments on blocks share: examples as arrays, a short training, and its figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SEED = 1_000_003
INK = 16
"""The darkest pixel of a handwritten digit."""


@dataclass(frozen=True)
class Examples:
    """Inputs and one-hot labels, to train on and to judge by."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.float32]
    held_inputs: NDArray[np.float32]
    held_labels: NDArray[np.float32]


def garments(count: int, held_out: int, seed: int, side: int) -> Examples:
    from training.datasets.garments import columns

    parts = [columns(count, seed, side), columns(held_out, HELD_OUT_SEED + seed, side)]
    photos = [np.asarray(part.inputs["photo"], np.float32) * np.float32(1 / 255) for part in parts]
    return Examples(photos[0], parts[0].targets["label"], photos[1], parts[1].targets["label"])


def digits(seed: int) -> Examples:
    """Handwritten digits: 64 pixels each, 1,437 to train on and 360 to judge by."""
    from training.datasets.digits import digits as split

    parts = split(seed, 1437)
    pixels = [np.asarray(part.inputs["pixels"], np.float32) * np.float32(1 / INK) for part in parts]
    return Examples(pixels[0], parts[0].targets["digit"], pixels[1], parts[1].targets["digit"])


def trained(model: Any, examples: Examples, epochs: int, rate: float, batch_size: int = 32) -> float:
    """Seconds for one step once the graph is traced. The rate falls along a cosine."""
    import keras

    steps = epochs * -(-len(examples.inputs) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "categorical_crossentropy")
    clock = Clock()
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: clock.tick())
    model.fit(examples.inputs, examples.labels, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[watch])
    return clock.median()


class Clock:
    """Processor time between ticks: on a busy machine it says more than that on the wall."""

    def __init__(self) -> None:
        self._ticks: list[float] = []

    def tick(self) -> None:
        self._ticks.append(time.process_time())

    def median(self) -> float:
        return float(np.median(np.diff(self._ticks))) if len(self._ticks) > 1 else float("nan")


def accuracy(model: Any, examples: Examples) -> float:
    """The share of held-out examples that are labelled right."""
    batches = [examples.held_inputs[start : start + 128] for start in range(0, len(examples.held_inputs), 128)]
    answers = np.concatenate([np.asarray(model(batch, training=False)) for batch in batches])
    return float((answers.argmax(-1) == examples.held_labels.argmax(-1)).mean())
