"""Xception beside Inception V3: parameters, layers, work, and time on this machine (section 7.1.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.experiments.figures import Figures

SIDE = {"smoke": 96, "quick": 299}
ROUNDS = {"smoke": 2, "quick": 15}
PUBLISHED = {"xception": (79.0, 109.4, 8.1), "inception_v3": (77.9, 42.2, 6.9)}
"""Keras's page of its applications: top-1 accuracy on ImageNet in per cent, milliseconds on its CPU and on its GPU."""


def run(preset: str, seed: int) -> Figures:
    import keras

    side = SIDE[preset]
    models = {
        "xception": keras.applications.Xception(weights=None, input_shape=(side, side, 3)),
        "inception_v3": keras.applications.InceptionV3(weights=None, input_shape=(side, side, 3)),
    }
    milliseconds = interleaved({name: compiled(model, side) for name, model in models.items()}, ROUNDS[preset])
    measured: dict[str, Mapping[str, float]] = {
        "parameters": {name: int(model.count_params()) for name, model in models.items()},
        "layers": {name: len(model.layers) for name, model in models.items()},
        "layers with a kernel": {name: kernels(model) for name, model in models.items()},
        "multiply-adds, in millions": {name: round(multiplications(model) / 1e6) for name, model in models.items()},
        f"milliseconds for one photo of {side} pixels": milliseconds,
    }
    cited = dict(zip(("ImageNet top-1, per cent", "milliseconds, CPU", "milliseconds, GPU"), zip(*PUBLISHED.values(),
                 strict=True), strict=True))  # fmt: skip
    rows: list[tuple[str | int | float, ...]] = [
        (what, found["xception"], found["inception_v3"], found["xception"] / found["inception_v3"])
        for what, found in measured.items()
    ]
    rows += [(f"cited, not measured: {what}", one, other, one / other) for what, (one, other) in cited.items()]
    return Figures(
        "Xception beside Inception V3",
        ("", "Xception", "Inception V3", "ratio"),
        rows,
        f"Random weights; medians of {ROUNDS[preset]} turns that alternate. Cited: keras.io/api/applications.",
    )


def compiled(model: Any, side: int) -> Callable[[], Any]:
    """One photo through the model as it is served: traced once, warm."""
    import tensorflow as tf

    traced = tf.function(lambda photo: model(photo, training=False), jit_compile=False)
    photo = tf.constant(np.random.default_rng([side]).uniform(-1, 1, (1, side, side, 3)).astype(np.float32))
    traced(photo)
    return lambda: traced(photo).numpy()


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median milliseconds of each call, taken in turns so that a busy machine hurts all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return {name: float(np.median(each)) * 1e3 for name, each in seconds.items()}


def kernels(model: Any) -> int:
    return sum(any(len(weight.shape) > 1 for weight in layer.weights) for layer in model.layers)


def multiplications(model: Any) -> int:
    """Of convolutions and dense layers: every weight of a kernel multiplies once for each pixel of the output."""
    total = 0
    for layer in model.layers:
        pixels = int(np.prod(layer.output.shape[1:-1]))
        total += sum(int(np.prod(weight.shape)) * pixels for weight in layer.weights if len(weight.shape) > 1)
    return total
