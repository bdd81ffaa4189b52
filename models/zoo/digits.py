"""The smallest graph: 64 pixels through two hidden layers to ten digits, as a stack of layers and as a graph.

Knows nothing of pictures or of how the pixels were scaled.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from models.zoo.graph import connected_model

PIXELS = 64
DIGITS = 10
WIDTH = 32


def build(
    variant: Literal["default", "chapter"] = "default", kind: Literal["functional", "sequential"] = "functional"
) -> keras.Model:
    """3,466 parameters; the default is the chapter's own size. The functional twin has a dict with the head `digit`."""
    if variant not in ("default", "chapter"):
        raise ValueError(f"digits has the variants 'default' and 'chapter', not {variant!r}")
    return build_sequential() if kind == "sequential" else build_functional()


def build_functional() -> keras.Model:
    pixels = keras.Input(shape=(PIXELS,), name="pixels")
    x = layers.Dense(WIDTH, activation="relu")(pixels)
    x = layers.Dense(WIDTH, activation="relu")(x)
    digit = layers.Dense(DIGITS, activation="softmax", name="digit")(x)
    return connected_model({"pixels": pixels}, {"digit": digit}, name="digits")


def build_sequential() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(PIXELS,), name="pixels"),
            layers.Dense(WIDTH, activation="relu"),
            layers.Dense(WIDTH, activation="relu"),
            layers.Dense(DIGITS, activation="softmax", name="digit"),
        ],
        name="digits_sequential",
    )


def twins() -> tuple[keras.Sequential, keras.Model]:
    """Both kinds with the same weights: two ways to write one network, so they give the same answers."""
    sequential, functional = build_sequential(), build_functional()
    functional.set_weights(sequential.get_weights())
    return sequential, functional
