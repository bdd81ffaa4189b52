"""One photo to one label: a short stem, then inception modules. Knows nothing of garments but the head's name."""

from __future__ import annotations

import keras
from keras import layers

from models.zoo.blocks import convolution, inception_module
from models.zoo.graph import connected_model

LABELS = 10


def build(
    labels: int = LABELS, side: int = 64, filters: int = 64, modules: int = 2, dropout: float = 0.3
) -> keras.Model:
    """Each module halves the map that the stem leaves, a quarter of `side`, and gives 4 × `filters` channels.

    `filters=128` makes the modules as wide as the chapter's; unlike those, all have batch normalisation.
    """
    photo = keras.Input(shape=(side, side, 3), name="photo")
    x = stem(photo)
    for _ in range(modules):
        x = inception_module(x, filters, normalise=True)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    label = layers.Dense(labels, activation="softmax", name="label")(x)
    return connected_model({"photo": photo}, {"label": label}, name="garment")


def stem(photo: keras.KerasTensor, wide: int = 64) -> keras.KerasTensor:
    """Three convolutions that bring a photo down to a quarter of its height and width, and `wide` channels."""
    x = convolution(photo, wide // 2, 3, strides=2, normalise=True)
    x = convolution(x, wide // 2, 3, normalise=True)
    x = layers.MaxPooling2D(2, padding="same")(x)
    return convolution(x, wide, 3, normalise=True)
