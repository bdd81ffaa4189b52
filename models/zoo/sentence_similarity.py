"""How similar two sentences are, from 0 to 1: both are read by one and the same LSTM (section 7.1.5).

Knows token ids only, no words: 0 is padding, 1 an unknown word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers, ops

from models.zoo.graph import connected_model

PADDING, UNKNOWN = 0, 1
LSTM_WIDTH = 32
CHAPTER_WIDTH = 128
LARGE, TINY = 1e9, 1e-6
SHARPNESS = 8.0
"""How much better than others a word of the other side must fit to be the one it is compared with."""

Tensor = Any
"""A symbolic tensor; Keras has no types to check it by."""


def build(variant: Literal["default", "chapter"] = "default", **sizes: Any) -> keras.Model:
    """One of the two graphs; `sizes` are the keyword arguments of `default`."""
    if variant not in ("default", "chapter"):
        raise ValueError(f"sentence_similarity has the variants 'default' and 'chapter', not {variant!r}")
    return default(**sizes) if variant == "default" else chapter(**sizes)


def chapter() -> keras.Model:
    """Two sequences of vectors through one LSTM, last states side by side: 20,673 parameters.

    Not symmetric, though the question is. What stands before the sigmoid is a sum of one term for each side, so the
    two sides are never compared either.
    """
    left, right = (keras.Input((None, CHAPTER_WIDTH), name=name) for name in ("left", "right"))
    lstm = layers.LSTM(LSTM_WIDTH)
    merged = layers.concatenate([lstm(left), lstm(right)], axis=-1)
    similarity = layers.Dense(1, activation="sigmoid", name="similarity")(merged)
    return connected_model({"left": left, "right": right}, {"similarity": similarity}, name="sentence_similarity")


@dataclass(frozen=True)
class Side:
    """One sentence in tensors of (batch, words, …)."""

    ids: Tensor
    real: Tensor
    """1 for a word, 0 for padding."""
    known: Tensor
    """1 for a word that has an id of its own, 0 for any other and for padding."""
    share: Tensor
    """The weight of each word in its sentence; they sum to 1, and padding has none."""
    words: Tensor
    projected: Tensor
    states: Tensor
    """What the LSTM knows after each word."""
    last: Tensor


@dataclass(frozen=True)
class Shared:
    """The layers that both sides go through."""

    words: layers.Layer
    importance: layers.Layer
    dropout: layers.Layer
    projection: layers.Layer
    lstm: layers.Layer

    def __call__(self, ids: Tensor) -> Side:
        real = ops.cast(ops.not_equal(ids, PADDING), "float32")
        known = real * ops.cast(ops.not_equal(ids, UNKNOWN), "float32")
        weights = ops.exp(self.importance(ids)[..., 0]) * real
        words = self.words(ids) * known[..., None]  # else all unknown words would mean the same
        projected = self.projection(self.dropout(words))
        states, last, _ = self.lstm(projected, mask=ops.not_equal(ids, PADDING))
        share = weights / (ops.sum(weights, axis=1, keepdims=True) + TINY)
        return Side(ids, real, known, share, words, projected, states, last)


def default(
    *,
    vocabulary: int = 1_000,
    width: int = 50,
    projection: int = 64,
    hidden: int = 32,
    word_dropout: float = 0.0,
    dropout: float = 0.0,
    frozen: bool = False,
) -> keras.Model:
    """Both sides through the same layers, then only what does not change when the sides are swapped.

    The last states of the LSTM, as |l−r| and l·r; how well each word is matched by its best counterpart in the other
    sentence, which says most with little data; and how it differs from it. `frozen` keeps the word vectors as they
    are set after building.
    """
    left, right = (keras.Input((None,), dtype="int32", name=name) for name in ("left", "right"))
    shared = Shared(
        layers.Embedding(vocabulary, width, trainable=not frozen, name="words"),
        layers.Embedding(vocabulary, 1, embeddings_initializer="zeros", name="importance"),
        layers.Dropout(word_dropout),
        layers.Dense(projection, use_bias=False, kernel_initializer="orthogonal", name="projection"),
        layers.LSTM(LSTM_WIDTH, return_sequences=True, return_state=True, name="lstm"),
    )
    one, other = shared(left), shared(right)
    drop = layers.Dropout(dropout)
    features = [
        drop(ops.abs(one.last - other.last)),
        drop(one.last * other.last),
        *matched(one, other),
        cosine(average(one), average(other)),
        drop(differences(one, other, layers.Dense(hidden, activation="relu", name="comparison"), drop)),
    ]
    x = layers.Dense(hidden, activation="relu", name="hidden")(layers.Concatenate()(features))
    similarity = layers.Dense(1, activation="sigmoid", name="similarity")(drop(x))
    return connected_model({"left": left, "right": right}, {"similarity": similarity}, name="sentence_similarity")


def matched(one: Side, other: Side) -> list[Tensor]:
    """How well the words of either side are found in the other: the very word, near words, words in like company."""
    same = same_word(one, other)
    grids = (
        same,
        ops.maximum(same, grid(one.words, other.words)),
        grid(one.projected, other.projected),
        grid(one.states, other.states) * known_somewhere(one, other),
    )
    found = []
    for each in grids:
        here = ops.max(visible(each, other), axis=2)
        there = ops.max(visible(turned(each), one), axis=2)
        for power in (1, 3):
            shares = weighted(here**power, one), weighted(there**power, other)
            found += [shares[0] + shares[1], ops.abs(shares[0] - shares[1])]
    return found


def differences(one: Side, other: Side, comparison: layers.Layer, drop: layers.Layer) -> Tensor:
    """Each word beside what it is matched with in the other sentence, summed over both sentences."""
    fit = SHARPNESS * ops.maximum(same_word(one, other), grid(one.projected, other.projected))

    def compared(here: Side, there: Side, scores: Tensor) -> Tensor:
        counterpart = ops.matmul(ops.softmax(visible(scores, there), axis=2), there.projected)
        pair = [ops.abs(here.projected - counterpart), here.projected * counterpart]
        seen = comparison(drop(layers.Concatenate()(pair)))
        return ops.sum(seen * here.share[..., None], axis=1)

    return compared(one, other, fit) + compared(other, one, turned(fit))


def same_word(one: Side, other: Side) -> Tensor:
    """(batch, words of one, words of other): 1 where the same known word stands on both sides."""
    equal = ops.equal(one.ids[:, :, None], other.ids[:, None, :])
    return ops.cast(ops.logical_and(equal, ops.not_equal(one.ids[:, :, None], UNKNOWN)), "float32")


def known_somewhere(one: Side, other: Side) -> Tensor:
    """(batch, words of one, words of other): 0 where both are unknown, and so may be anything, 1 elsewhere."""
    return 1.0 - (1.0 - one.known[:, :, None]) * (1.0 - other.known[:, None, :])


def grid(one: Tensor, other: Tensor) -> Tensor:
    """Cosines of all rows of one with all rows of the other."""
    return ops.matmul(unit(one), turned(unit(other)))


def turned(matrix: Tensor) -> Tensor:
    return ops.transpose(matrix, (0, 2, 1))


def visible(scores: Tensor, side: Side) -> Tensor:
    """Scores whose columns are words of this side, with the columns of padding far below all others."""
    return scores - LARGE * (1.0 - side.real[:, None, :])


def weighted(each: Tensor, side: Side) -> Tensor:
    return ops.sum(each * side.share, axis=1, keepdims=True)


def average(side: Side) -> Tensor:
    return ops.sum(side.projected * side.share[..., None], axis=1)


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return ops.sum(unit(one) * unit(other), axis=-1, keepdims=True)


def unit(vectors: Tensor) -> Tensor:
    return vectors * ops.rsqrt(ops.sum(vectors * vectors, axis=-1, keepdims=True) + TINY)
