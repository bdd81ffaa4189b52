"""Xception and Inception V3 as `keras.applications` has them, with a named input and a named head (section 7.1.4).

Knows nothing of weights: they come from a file that somebody else has trained.
"""

from __future__ import annotations

from typing import Literal

import keras

from models.zoo.graph import connected_model

Architecture = Literal["xception", "inception_v3"]
SIDE = 299
"""Height and width of the photos that both were made for."""
CLASSES = 1_000


def build(architecture: Architecture, classes: int = CLASSES) -> keras.Model:
    """22,910,480 and 23,851,784 parameters with 1,000 classes. Pixels go in from -1 to 1; the weights are random.

    The layers are those of `keras.applications` in their order, which is how a file of weights finds its layers.
    """
    makers = {"xception": keras.applications.Xception, "inception_v3": keras.applications.InceptionV3}
    if architecture not in makers:
        raise ValueError(f"there are {' and '.join(map(repr, makers))}, not {architecture!r}")
    photo = keras.Input(shape=(SIDE, SIDE, 3), name="photo")
    whole = makers[architecture](weights=None, input_tensor=photo, classes=classes)
    return connected_model({"photo": photo}, {"label": whole.output}, name=architecture)
