"""Gradients over long sequences: a simple recurrent layer beside an LSTM, whose carry is a second track (7.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.experiments.figures import Figures
from training.frameworks import make_reproducible

UNITS, SYMBOLS = 32, 4


@dataclass(frozen=True)
class Size:
    lengths: tuple[int, ...]
    examples: int
    epochs: int


SIZES = {"smoke": Size((5, 10), 64, 1), "quick": Size((10, 30, 100, 300), 2_000, 5)}
FORGET_BIASES = {"SimpleRNN": None, "LSTM, forget bias 1": 1.0, "LSTM, forget bias 5": 5.0}


def run(preset: str, seed: int) -> Figures:
    rows: list[tuple[str | int | float, ...]] = []
    for name, bias in FORGET_BIASES.items():
        for length in SIZES[preset].lengths:
            make_reproducible(seed)
            model = recall(length, bias)
            ratio = first_to_last(model, questions(64, length, seed + 1)[0])
            rows.append((name, length, ratio, accuracy(model, SIZES[preset], length, seed)))
    return Figures(
        "Vanishing gradients in recurrent layers",
        ("layer", "steps", "gradient at the first step / at the last, before training", "accuracy of recall"),
        rows,
        f"To recall is to name at the end which of {SYMBOLS} symbols came first; chance is {1 / SYMBOLS}. At a bias of "
        "1 the gate keeps .73 of the carry at each step, at 5 it keeps .993: the track helps as far as it is open.",
    )


def recall(length: int, forget_bias: float | None) -> Any:
    """One recurrent layer over the sequence and a softmax on what it ends with."""
    import keras
    from keras import layers

    layer = layers.SimpleRNN(UNITS) if forget_bias is None else layers.LSTM(UNITS)
    sequence = keras.Input((length, SYMBOLS))
    state = layer(sequence)
    if forget_bias is not None:
        kernel, recurrent, bias = layer.get_weights()
        bias[UNITS : 2 * UNITS] = forget_bias  # gates stand in the order input, forget, cell, output
        layer.set_weights([kernel, recurrent, bias])
    model = keras.Model(sequence, layers.Dense(SYMBOLS, activation="softmax")(state))
    model.compile(keras.optimizers.Adam(0.003, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def questions(count: int, length: int, seed: int) -> tuple[Any, Any]:
    """Noise, with one of the symbols on top of its first step."""
    random = np.random.default_rng([seed, length])
    symbols = random.integers(0, SYMBOLS, count)
    sequences = 0.3 * random.normal(size=(count, length, SYMBOLS))
    sequences[np.arange(count), 0, symbols] += 2
    return sequences.astype(np.float32), symbols


def first_to_last(model: Any, sequences: Any) -> float:
    """How much smaller the feedback of the last state is for the first step than for the last."""
    import tensorflow as tf

    steps = tf.constant(sequences)
    with tf.GradientTape() as tape:
        tape.watch(steps)
        state = model.layers[1](steps)
        loss = tf.reduce_sum(state**2)
    gradient = tape.gradient(loss, steps).numpy().astype(np.float64)
    norms = np.linalg.norm(gradient, axis=(0, 2))
    return float(norms[0] / norms[-1])


def accuracy(model: Any, size: Size, length: int, seed: int) -> float:
    model.fit(*questions(size.examples, length, seed), epochs=size.epochs, batch_size=32, verbose=0)
    _, found = model.evaluate(*questions(1_000, length, seed + 1), batch_size=250, verbose=0)
    return float(found)
