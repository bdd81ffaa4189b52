"""Changes a batch of photos as another camera would have taken them: nothing here changes what is on them.

Photos are float32 (rows, height, width, 3) between 0 and 1, and stay so. Knows no labels and no TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Photos = NDArray[np.float32]


def photos(inputs: dict[str, NDArray[Any]], random: np.random.Generator) -> dict[str, NDArray[Any]]:
    """For `Recipe.augment`: the input `photo` moved, recoloured and partly hidden, the others as they are."""
    return inputs | {"photo": hidden(recoloured(moved(inputs["photo"], random), random), random)}


def moved(batch: Photos, random: np.random.Generator) -> Photos:
    """Mirrored or not, turned by some ten degrees, nearer or farther, and not quite in the middle."""
    count, height, width, _ = batch.shape
    turn = random.normal(0, np.deg2rad(9), count)
    zoom = random.uniform(0.72, 1.08, (count, 1)) * random.uniform(0.9, 1.1, (count, 2))
    zoom[:, 1] *= random.choice([-1.0, 1.0], count)
    room = np.maximum(1 - np.abs(zoom), 0.08)
    shift = random.uniform(-0.5, 0.5, (count, 2)) * room * [height, width]
    down, right = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    y, x = (each.astype(np.float32)[None] for each in np.meshgrid(down, right, indexing="ij"))
    cos, sin = spread(np.cos(turn)), spread(np.sin(turn))
    far, wide = spread(zoom[:, 0]), spread(zoom[:, 1])
    rows = far * (cos * y - sin * x) + spread(shift[:, 0] + (height - 1) / 2)
    columns = wide * (sin * y + cos * x) + spread(shift[:, 1] + (width - 1) / 2)
    return sampled(batch, rows, columns)


def spread(numbers: NDArray[np.float64]) -> Photos:
    """One number for each photo, in the way that meets all of its pixels."""
    return numbers.astype(np.float32)[:, None, None]


def sampled(batch: Photos, rows: Photos, columns: Photos) -> Photos:
    """Each photo at these places, between its four nearest pixels; beyond the edge lies more of the edge."""
    count, height, width, _ = batch.shape
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    top, left = np.minimum(rows.astype(np.int32), height - 2), np.minimum(columns.astype(np.int32), width - 2)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    first = (np.arange(count, dtype=np.int32) * (height * width))[:, None, None] + top * width + left
    flat = batch.reshape(-1, 3)
    upper = flat[first] * (1 - right) + flat[first + 1] * right
    lower = flat[first + width] * (1 - right) + flat[first + width + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def recoloured(batch: Photos, random: np.random.Generator) -> Photos:
    """Brighter or darker, of more or less contrast, under light of another colour, more or less grey."""
    count = len(batch)
    light = np.exp(random.normal(0, 0.2, (count, 1, 1, 1)) + random.normal(0, 0.07, (count, 1, 1, 3)))
    strength = light.astype(np.float32)
    lift = random.normal(0, 0.08, (count, 1, 1, 1)).astype(np.float32)
    grey = (random.random((count, 1, 1, 1)) ** 4).astype(np.float32)
    changed = batch + (batch.mean(-1, keepdims=True) - batch) * grey
    return np.asarray(((changed - 0.5) * strength + 0.5 + lift).clip(0, 1), np.float32)


def hidden(batch: Photos, random: np.random.Generator) -> Photos:
    """Half of the photos with a rectangle of one colour over up to a sixth of them. Works in place."""
    count, height, width, _ = batch.shape
    sizes = (random.uniform(0.1, 0.4, (count, 2)) * [height, width]).astype(int)
    corners = (random.uniform(-0.1, 0.9, (count, 2)) * [height, width]).astype(int).clip(0)
    colours = random.uniform(0, 1, (count, 3))
    for place in np.flatnonzero(random.random(count) < 0.5):
        (high, wide), (y, x) = sizes[place], corners[place]
        batch[place, y : y + high, x : x + wide] = colours[place]
    return batch
