"""One photo to one label: a deep network of residual blocks, and its plain twin without the additions.

Both have the same convolutions in the same order; the twin lacks the shortcuts and what is on them.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from models.zoo.blocks import convolution, residual_block
from models.zoo.graph import connected_model

LABELS = 10
Variant = Literal["residual", "plain"]


def build(
    variant: Variant = "residual",
    labels: int = LABELS,
    side: int = 64,
    filters: int = 32,
    blocks: int = 2,
    dropout: float = 0.3,
    normalise: bool = True,
) -> keras.Model:
    """A convolution, then twice a linear block and `blocks` identity blocks: 5 + 6 × `blocks` convolutions deep.

    `filters` channels until the second linear block doubles them. Without `normalise` the blocks are the chapter's
    layers exactly, and the twin shows what the shortcuts are for: it hardly learns.
    """
    shortcut = variant == "residual"
    photo = keras.Input(shape=(side, side, 3), name="photo")
    x = convolution(photo, filters, 3, strides=2, normalise=normalise)
    for wide in (filters, 2 * filters):
        x = residual_block(x, wide, "linear", shortcut, normalise)
        for _ in range(blocks):
            x = residual_block(x, wide, "identity", shortcut, normalise)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    label = layers.Dense(labels, activation="softmax", name="label")(x)
    return connected_model({"photo": photo}, {"label": label}, name="garment_residual")
