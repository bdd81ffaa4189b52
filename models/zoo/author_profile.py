"""One text to three heads: a stack of one-dimensional convolutions over somebody's posts, shared by all heads.

Knows nothing of words. No mask anywhere: convolutions would ignore it, so padding is a tail of zeros instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import keras
from keras import layers

from models.zoo.graph import connected_model

INCOME_GROUPS = 10
KERNEL = 5
POOL = 5
RECEPTIVE_FIELD = 269
"""The stack needs this many tokens to give one position to the global maximum …"""
STRIDE = POOL * POOL
TAIL = RECEPTIVE_FIELD + STRIDE
"""… and with this many zeros behind the last token, the maximum has seen zeros alone: more of them change nothing."""


@dataclass(frozen=True)
class Sizes:
    """Everything about the stack that is not its shape."""

    vocabulary: int
    embedding: int
    narrow: int
    wide: int
    dense: int


CHAPTER = Sizes(vocabulary=50_000, embedding=256, narrow=128, wide=256, dense=128)
DEFAULT = Sizes(vocabulary=1_000, embedding=32, narrow=48, wide=48, dense=64)


def build(
    variant: Literal["default", "chapter"] = "default", sizes: Sizes | None = None, mean_age: float = 0.0
) -> keras.Model:
    """14,146,316 parameters in the chapter's size. `mean_age` is where the head `age` starts."""
    size = sizes or {"default": DEFAULT, "chapter": CHAPTER}[variant]
    spread = keras.initializers.RandomUniform(-0.5, 0.5)  # Keras's own 0.05 fades away in five layers of relu
    posts = keras.Input(shape=(None,), dtype="int32", name="posts")
    x = layers.Embedding(size.vocabulary, size.embedding, embeddings_initializer=spread)(posts)
    x = convolution(size.narrow)(x)
    x = layers.MaxPooling1D(POOL)(x)
    x = convolution(size.wide)(x)
    x = convolution(size.wide)(x)
    x = layers.MaxPooling1D(POOL)(x)
    x = convolution(size.wide)(x)
    x = convolution(size.wide)(x)
    x = layers.GlobalMaxPooling1D()(x)
    x = layers.Dense(size.dense, activation="relu")(x)
    start = keras.initializers.Constant(mean_age)
    age = layers.Dense(1, name="age", bias_initializer=start)(x)
    income = layers.Dense(INCOME_GROUPS, activation="softmax", name="income")(x)
    gender = layers.Dense(1, activation="sigmoid", name="gender")(x)
    return connected_model({"posts": posts}, {"age": age, "income": income, "gender": gender}, name="author_profile")


def convolution(width: int) -> layers.Layer:
    return layers.Conv1D(width, KERNEL, activation="relu", kernel_initializer="he_uniform")
