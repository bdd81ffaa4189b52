"""Models as somebody else might make them, with Keras alone and without a manifest: what some promises are tried on.

`python -m benchmarks.foreign STORE` puts them into the store of a service that runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on standard error

UNMASKED = "foreign"
TWELVE = "twelve_heads"
VOCABULARY = 50
HEADS = 12


def unmasked() -> keras.Model:
    """An LSTM without a mask, whose answer any padding would change, and a dict of heads.

    It raises on the processor for an id beyond its vocabulary, and its time grows with the length of a text.
    """
    import keras

    keras.utils.set_random_seed(1)
    text = keras.Input((None,), dtype="int32", name="text")
    encoded = keras.layers.LSTM(8)(keras.layers.Embedding(VOCABULARY, 8)(text))
    heads = {"zeta": keras.layers.Dense(3, activation="softmax")(encoded), "alpha": keras.layers.Dense(1)(encoded)}
    return keras.Model(text, heads)


def head_names() -> list[str]:
    """In an order that is neither that of their numbers nor the alphabet's."""
    return [f"head_{number * 5 % HEADS}" for number in range(HEADS)]


def twelve_heads() -> keras.Model:
    """Head number n answers the sum of the row plus n, so that a swapped or missing one is seen at once."""
    import keras

    row = keras.Input((4,), name="row")
    return keras.Model(row, {name: head(name)(row) for name in head_names()})


def head(name: str) -> keras.layers.Layer:
    import keras

    number = float(name.removeprefix("head_"))
    return keras.layers.Dense(
        1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(number), name=f"sum_{name}"
    )


MAKERS: dict[str, Callable[[], keras.Model]] = {UNMASKED: unmasked, TWELVE: twelve_heads}


def save(store: Path, name: str) -> None:
    """Puts the model into the store as its version 1."""
    folder = store / name / "1"
    folder.mkdir(parents=True)
    MAKERS[name]().save(folder / "anything.keras")


if __name__ == "__main__":
    for each in MAKERS:
        save(Path(sys.argv[1]), each)
