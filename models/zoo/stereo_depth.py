"""Two photos to one distance: a single Xception base, called as a layer for the left camera and for the right one.

Knows nothing of lenses or baselines: what a disparity is worth in metres is learnt, or it is not.
"""

from __future__ import annotations

import keras
from keras import layers

from models.zoo.graph import connected_model

CHAPTER_SIDE = 250
SMALLEST_SIDE = 71
"""Below this many pixels Xception has no map left to pool."""
BASE_PARAMETERS = 20_861_480


def build(side: int = CHAPTER_SIDE, mean: float = 0.0, deviation: float = 1.0, momentum: float = 0.99) -> keras.Model:
    """20,865,577 parameters at any side: the base once, and a head of 4,096 weights and a bias.

    The head works in standard units; `mean` and `deviation` (metres) turn its answer into metres inside the graph.
    `momentum` is that of the base's batch normalisation: at Keras's .99 the moving statistics need several hundred
    steps before they say what the layers have seen.
    """
    left, right = (keras.Input(shape=(side, side, 3), name=name) for name in ("left", "right"))
    base = keras.applications.Xception(weights=None, include_top=False)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum
    merged = layers.concatenate([base(left), base(right)], axis=-1, name="both_cameras")  # here the chapter stops
    pooled = layers.GlobalAveragePooling2D()(merged)
    standard = layers.Dense(1, kernel_initializer="zeros")(pooled)
    distance = layers.Rescaling(deviation, mean, name="distance")(standard)
    return connected_model({"left": left, "right": right}, {"distance": distance}, name="stereo_depth")
