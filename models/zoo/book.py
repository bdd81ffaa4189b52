"""One text to two heads learnt jointly: the genre of a book and the year it was written, from a passage of it.

A bag of words: it counts what is said and how often, not in which order. Knows token ids only, no words: 0 is padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from models.zoo.graph import connected_model

HEADS = ("genre", "year")

Tensor = Any
"""A symbolic tensor; Keras has no types to check it by."""


@dataclass(frozen=True)
class Sizes:
    """Everything about the graph that is not its shape."""

    width: int = 32
    """Of the hidden layer that both heads share."""
    shared: float = 7e-5
    """How much large weights cost in the hidden layer …"""
    genre: float = 3e-5
    """… on the way to the genre …"""
    year: float = 3e-4
    """… and to the year, of which words tell less."""
    genre_silence: float = 0.0
    """How often, in training, the genre does not hear the words, or does not hear the hidden layer …"""
    year_silence: float = 0.0
    """… and the year. Where few authors wrote what is learnt from, this helps with others; else it is in the way."""


def build(
    *,
    word_weights: NDArray[np.floating[Any]],
    genres: int,
    middle_year: float = 1800.0,
    years: float = 20.0,
    sizes: Sizes | None = None,
    heads: Sequence[str] = HEADS,
) -> keras.Model:
    """Each head hears the words themselves, and a hidden layer that both heads share.

    `word_weights` says by token id how much a word counts, and so how large the vocabulary is; padding weighs
    nothing. The year is learnt as a number of `years` before or after `middle_year`. `heads` may name one alone.
    """
    size = sizes or Sizes()
    text = keras.Input(shape=(None,), dtype="int32", name="text")
    words = bag(text, word_weights)
    shared = layers.Dense(size.width, activation="relu", kernel_regularizer=l2(size.shared), name="shared")(words)
    answers = {}
    if "genre" in heads:
        said = heard(words, shared, genres, size.genre, size.genre_silence, "genre")
        answers["genre"] = layers.Softmax(name="genre")(said)
    if "year" in heads:
        said = heard(words, shared, 1, size.year, size.year_silence, "year")
        answers["year"] = layers.Rescaling(years, offset=middle_year, name="year")(said)
    return connected_model({"text": text}, answers, name="book")


def heard(words: Tensor, shared: Tensor, units: int, penalty: float, silence: float, head: str) -> Tensor:
    """(batch, units): the mean of what the words say of a head and what the hidden layer says.

    In training each of the two is left out now and then, so that it learns to speak for itself: on the average they
    then err less than either.
    """
    said = [
        layers.Dense(units, kernel_regularizer=l2(penalty), name=f"{head}_{source}")(each)
        for source, each in (("words", words), ("shared", shared))
    ]
    voices = ops.stack(said, axis=1)
    return ops.mean(layers.Dropout(silence, noise_shape=(None, len(said), 1), name=f"{head}_heard")(voices), axis=1)


def bag(text: Tensor, word_weights: NDArray[np.floating[Any]]) -> Tensor:
    """(batch, vocabulary): the root of how often each word occurs, times its weight, as a vector of length one.

    Zeros on the right add nothing, whatever their number. Of a text without any known word all is zero.
    """
    weights = np.asarray(word_weights, np.float32).reshape(-1, 1)
    weights[0] = 0.0
    weighed = layers.Embedding(len(weights), 1, trainable=False, dtype="float32", name="word_weights")
    squares = ops.stop_gradient(weighed(text)[..., 0])  # nothing to learn here, and counting has no gradient
    weighed.set_weights([weights**2])
    # In float32 also where all else is in 16 bits, which cannot tell one large token id from the next.
    counting = layers.CategoryEncoding(len(weights), output_mode="count", dtype="float32", name="counts")
    counts = counting(text, count_weights=squares)
    return layers.UnitNormalization(name="bag")(ops.sqrt(counts))


def l2(penalty: float) -> keras.regularizers.Regularizer:
    return keras.regularizers.L2(penalty)
