"""Invented stereo scenes: a ball or a box on a tiled floor before two pinhole cameras side by side.

Synthetic and seeded. Ground truth: `distance` is how far the middle of the object lies before the cameras, along the
way they look, drawn evenly from 0.8 to 4 metres. It shows in three ways, all exact: the ball and the box are always
30 cm across, so their size in pixels is `focal * 0.3 / distance`; they stand on the floor 35 cm below the cameras, so
the farther they are the nearer to the horizon they stand; and a point at depth Z lies `focal * baseline / Z` pixels
farther left in the right picture than in the left one. Colours, tiles, light, the turn of the object, and where it
stands across say nothing of the distance. Knows no pixels: training/datasets/stereo.py makes the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NEAREST, FARTHEST = 0.8, 4.0
HALF = 0.15
"""Metres from the middle of a ball or a box to its side."""
HEIGHT = 0.35
"""Metres from the floor up to both cameras."""
BASELINE = 0.06
FOCAL = 1.1
"""Focal length, in sides of the picture."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """The ground truth, and all that meets the eye."""

    kind: Literal["ball", "box"]
    distance: float
    across: float
    """Metres from the middle of the two cameras to the right."""
    turn: float
    """Radians about the upright axis."""
    wall: float
    """Metres to the wall behind everything."""
    tile: float
    """Metres along the side of a floor tile."""
    stripes: float
    """Stripes of the object for each metre."""
    colours: Floats
    """Six rows of red, green and blue: two of the object, two of the floor, two of the wall."""
    light: Floats
    """A unit vector towards the light."""


def scenes(count: int, seed: int) -> list[Scene]:
    """That many scenes; the same seed gives the same ones."""
    random = np.random.default_rng([seed, 716])
    return [scene(random) for _ in range(count)]


def scene(random: np.random.Generator) -> Scene:
    distance = float(random.uniform(NEAREST, FARTHEST))
    light = np.array([random.uniform(-0.8, 0.8), random.uniform(-1.2, -0.6), -0.7], np.float32)
    return Scene(
        kind="ball" if random.random() < 0.5 else "box",
        distance=distance,
        across=float(random.uniform(-0.2, 0.2) * distance),
        turn=float(random.uniform(0.0, np.pi / 2)),
        wall=float(random.uniform(FARTHEST + 1.0, FARTHEST + 4.0)),
        tile=float(random.uniform(0.15, 0.4)),
        stripes=float(random.uniform(4.0, 12.0)),
        colours=np.concatenate([random.uniform(0.1, 1.0, (2, 3)), greyish(random, 4)]).astype(np.float32),
        light=light / np.float32(np.linalg.norm(light)),
    )


def greyish(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Colours as floors and walls have them."""
    return random.uniform(0.25, 0.85, (count, 1)) + random.uniform(-0.1, 0.1, (count, 3))
