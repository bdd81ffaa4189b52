"""Pictures of stereo scenes, and the exact depth of every pixel: computed, not measured.

Every ray is followed to the nearest of floor, wall and object. Knows no tensors and no model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.datasets.stereo_scenes import BASELINE, FOCAL, HALF, HEIGHT, Floats, Scene
from training.recipe import Split

SAMPLES = 2
"""Rays for each pixel, along each axis: edges blur over pixels, so parts of a pixel of disparity are there."""

Photo = NDArray[np.uint8]


def pair(scene: Scene, side: int) -> tuple[Photo, Photo]:
    """What the left and the right camera see."""
    left, right = (photo(scene, eye * BASELINE / 2, side) for eye in (-1, 1))
    return left, right


def photo(scene: Scene, eye: float, side: int) -> Photo:
    """The picture of a camera `eye` metres right of the middle."""
    fine = side * SAMPLES
    colours, _ = look(scene, eye, fine)
    blocks = colours.reshape(side, SAMPLES, side, SAMPLES, 3).mean((1, 3))
    return np.asarray(np.rint(255 * blocks.clip(0, 1)), np.uint8)


def depth(scene: Scene, eye: float, side: int) -> Floats:
    """Metres to what each pixel's middle shows, along the way the camera looks."""
    return look(scene, eye, side)[1]


def look(scene: Scene, eye: float, side: int) -> tuple[Floats, Floats]:
    """Colour and depth for one ray through the middle of each pixel; a ray is (x, y, 1), so it runs in depth."""
    steps = (np.arange(side, dtype=np.float32) + np.float32(0.5 - side / 2)) / np.float32(FOCAL * side)
    x, y = np.meshgrid(steps, steps)
    colours, depths = room(scene, eye, x, y)
    part = window(scene, eye, steps)
    near, local = HITS[scene.kind](scene, eye, x[part], y[part])
    seen = np.isfinite(near)
    depths[part][seen] = near[seen]
    colours[part][seen] = surface(scene, local[seen])
    return colours, depths


def room(scene: Scene, eye: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Tiled floor and wavy wall: a ray that goes down meets the floor, unless the wall is nearer."""
    depths = np.minimum(np.float32(HEIGHT) / np.maximum(y, np.float32(1e-6)), np.float32(scene.wall))
    floor = depths < np.float32(scene.wall)
    right = np.float32(eye) + x * depths
    tiles = (np.floor(right / np.float32(scene.tile)) + np.floor(depths / np.float32(scene.tile))) % 2
    waves = 0.5 + 0.25 * np.sin(3 * right) + 0.25 * np.sin(4 * y * depths)
    mix = np.where(floor, tiles, waves)[..., None]
    start = np.where(floor[..., None], scene.colours[2], scene.colours[4])
    end = np.where(floor[..., None], scene.colours[3], scene.colours[5])
    return start + (end - start) * mix, depths


def window(scene: Scene, eye: float, steps: Floats) -> tuple[slice, slice]:
    """The rows and columns among which the object is, whatever its turn."""
    reach = HALF * 2**0.5
    depths = np.array([scene.distance - reach, scene.distance + reach])
    left, right = ((scene.across - eye + way * reach) / depths for way in (-1, 1))
    top, bottom = (HEIGHT - 2 * HALF) / depths, HEIGHT / depths
    rows, columns = (np.searchsorted(steps, [low.min(), high.max()]) for low, high in ((top, bottom), (left, right)))
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))


def ball(scene: Scene, eye: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Depth at which each ray meets the ball (infinite where it does not), and the place on it in half widths."""
    middle = np.array([scene.across - eye, HEIGHT - HALF, scene.distance], np.float32)
    square = x * x + y * y + 1
    half = x * middle[0] + y * middle[1] + middle[2]
    rest = half * half - square * (middle @ middle - np.float32(HALF * HALF))
    depths = np.where(rest > 0, (half - np.sqrt(np.maximum(rest, 0))) / square, np.inf).astype(np.float32)
    return depths, turned(scene, points(x, y, depths) - middle) / np.float32(HALF)


def box(scene: Scene, eye: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """As `ball`: a ray is inside the box between its last way in and its first way out, over the three axes."""
    middle = np.array([scene.across - eye, HEIGHT - HALF, scene.distance], np.float32)
    start = turned(scene, -middle)
    way = turned(scene, np.stack([x, y, np.ones_like(x)], -1))
    way = np.where(np.abs(way) < 1e-9, np.float32(1e-9), way)
    one, other = (-np.float32(HALF) - start) / way, (np.float32(HALF) - start) / way
    enter, leave = np.minimum(one, other).max(-1), np.maximum(one, other).min(-1)
    depths = np.where(enter < leave, enter, np.inf).astype(np.float32)
    return depths, turned(scene, points(x, y, depths) - middle) / np.float32(HALF)


HITS = {"ball": ball, "box": box}


def points(x: Floats, y: Floats, depths: Floats) -> Floats:
    known = np.where(np.isfinite(depths), depths, np.float32(0))
    return np.stack([x * known, y * known, known], -1)


def turned(scene: Scene, vectors: Floats) -> Floats:
    """The vectors along the object's own axes."""
    cos, sin = np.float32(np.cos(scene.turn)), np.float32(np.sin(scene.turn))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([cos * x - sin * z, y, sin * x + cos * z], -1)


def surface(scene: Scene, local: Floats) -> Floats:
    """Striped and shaded: the nearer a face looks to the light, the brighter it is."""
    stripes = np.floor(local[:, 0] * np.float32(HALF * scene.stripes)) % 2
    if scene.kind == "ball":
        normal = local
    else:
        outermost = np.abs(local).argmax(-1)
        normal = np.eye(3, dtype=np.float32)[outermost] * np.sign(local)
    bright = np.float32(0.45) + np.float32(0.55) * np.maximum(normal @ turned(scene, scene.light), 0)
    one, other = scene.colours[0], scene.colours[1]
    return np.asarray((one + (other - one) * stripes[:, None]) * bright[:, None], np.float32)


def columns(seen: list[Scene], side: int) -> Split:
    """The scenes as named photos and a named target."""
    pairs = [pair(each, side) for each in seen]
    return Split(
        inputs={"left": [left for left, _ in pairs], "right": [right for _, right in pairs]},
        targets={"distance": np.array([each.distance for each in seen], np.float32)},
        groups={"object": [each.kind for each in seen]},
    )
