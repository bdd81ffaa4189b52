"""Metadata, description and photo to one price: dense layers, a 1D and a 2D convolution, joined by dense layers.

Knows nothing of words, brands or currencies. Padding behind a description changes nothing: see `described`. A photo may
be missing: see `pictured`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from models.zoo.graph import connected_model

BRANCHES = ("metadata", "description", "photo")


@dataclass(frozen=True)
class Sizes:
    """What the data say of the inputs, and how wide the layers are."""

    fields: int
    """Numbers that the metadata become."""
    vocabulary: int
    side: int
    """Pixels along the photo; five times halved, so at least 32."""
    embedding: int = 32
    words: int = 96
    filters: tuple[int, ...] = (16, 32, 48, 64)
    dense: int = 64
    no_photo: float = -1.0
    """What every number of a photo is that is not there, and no photo is full of."""


def build(sizes: Sizes, mean: float = 0.0, deviation: float = 1.0, branches: Sequence[str] = BRANCHES) -> keras.Model:
    """`branches` names the inputs: all three, or fewer to see what each knows.

    The last layers work on the logarithm of the price, `mean` and `deviation` being those of the logarithms, and give
    its exponential: so factors of a price become sums, and no price is negative.
    """
    made = {"metadata": metadata, "description": described, "photo": pictured}
    inputs, features = {}, []
    for name in branches:
        inputs[name], branch = made[name](sizes)
        features.append(branch)
    x = layers.concatenate(features) if len(features) > 1 else features[0]
    x = layers.Dense(sizes.dense, activation="relu")(x)
    standard = layers.Dense(1)(x)
    logarithm = layers.Rescaling(deviation, mean)(standard)
    price = layers.Activation("exponential", name="price")(logarithm)
    return connected_model(inputs, {"price": price}, name="clothing_price")


def metadata(sizes: Sizes) -> tuple[Any, Any]:
    """Fields side by side, one-hot or in standard units."""
    fields = keras.Input(shape=(sizes.fields,), name="metadata")
    return fields, layers.Dense(sizes.dense, activation="relu")(fields)


def described(sizes: Sizes) -> tuple[Any, Any]:
    """Groups of three words, wherever they stand: a 1D convolution and the maximum over the text.

    Padding becomes zeros before the convolution, which are what it sees beyond the end of any text; and zeros behind
    it, which the maximum of relu's answers ignores. So neither how much padding there is nor whether there is any
    shows.
    """
    words = keras.Input(shape=(None,), dtype="int32", name="description")
    real = ops.expand_dims(ops.cast(ops.not_equal(words, 0), "float32"), -1)
    x = layers.Embedding(sizes.vocabulary, sizes.embedding)(words)
    x = layers.Conv1D(sizes.words, 3, padding="same", activation="relu")(layers.multiply([x, real]))
    x = layers.GlobalMaxPooling1D()(layers.multiply([x, real]))
    return words, layers.Dense(sizes.dense, activation="relu")(x)


def pictured(sizes: Sizes) -> tuple[Any, Any]:
    """A small stack of 2D convolutions; the last map is kept by place, since garments lie in the middle.

    Where there is no photo, a learnt row stands in for what the convolutions say. It is chosen row by row: the others
    of a batch do not show.
    """
    photo = keras.Input(shape=(sizes.side, sizes.side, 3), name="photo")
    first, *others = sizes.filters
    x = layers.Conv2D(first, 5, strides=2, padding="same", activation="relu")(photo)
    for width in others:
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    seen = layers.Dense(sizes.dense, activation="relu")(x)
    there = ops.any(ops.not_equal(photo, sizes.no_photo), axis=(1, 2, 3))
    row = ops.zeros_like(there, dtype="int32")
    unseen = layers.Embedding(1, sizes.dense, name="no_photo")(row)
    return photo, ops.where(ops.expand_dims(there, -1), seen, unseen)
