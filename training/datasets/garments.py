"""Rendered photos of invented garments: a seeded generator in which kind, colour, pattern and wear are known.

Synthetic: nobody wears them. The kind shows in the outline and its seams alone; colour, pattern, wear, label, turn,
size, place, light and whatever lies behind say nothing of it. Knows no tensors and no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.datasets.silhouettes import CLOTH, OUTLINES, Outline, Polygon, outline
from training.datasets.surfaces import COLOURS, PATTERNS, Floats, background, cloth, floats, holes, mixed, tint
from training.recipe import Split

__all__ = ["COLOURS", "KINDS", "PATTERNS", "columns", "render"]

KINDS = tuple(OUTLINES)
FINE = 2
"""Outlines are drawn this many times as large, so that edges blur over pixels."""
LABEL = 255
"""The tone that stands for the label."""

Photo = NDArray[np.uint8]


@dataclass(frozen=True)
class Pose:
    """Where a garment lies: a matrix and a shift from its own coordinates to pixels."""

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]

    def place(self, points: Polygon) -> list[tuple[float, float]]:
        placed = np.asarray(points) @ self.matrix + self.shift
        return [(float(x), float(y)) for x, y in placed]


def render(
    kind: str,
    rng: np.random.Generator,
    *,
    size: int,
    colour: str | None = None,
    pattern: str | None = None,
    wear: float | None = None,
    label: str | None = None,
) -> Photo:
    """A photo of `size` × `size` pixels. What is None is drawn at random; `wear` runs from 0 (new) to 1.

    `colour` is one of COLOURS, `pattern` one of PATTERNS; `label` is the colour of the label sewn on, "" for none.
    Raises KeyError for other words.
    """
    colour = colour or pick(rng, tuple(COLOURS))
    pattern = pattern or pick(rng, PATTERNS)
    wear = float(rng.random() ** 2) if wear is None else wear
    label = pick(rng, ("", *COLOURS)) if label is None else label
    pose = posed(rng, size * FINE)
    mask, tone = drawn(outline(kind, rng), pose, size, label)
    own = floats(cloth(rng, size, colour, pattern, wear) * tone[..., None] / CLOTH)
    if label:
        own = mixed(own, tint(label), floats(tone == LABEL))
    mask = floats(mask * holes(rng, size, wear))
    behind = background(rng, size) * (1 - float(rng.uniform(0, 0.5)) * shifted(mask, rng)[..., None])
    return lit(rng, mixed(floats(behind), own, mask))


def drawn(shape: Outline, pose: Pose, size: int, label: str) -> tuple[Floats, Floats]:
    """How much of each pixel the garment covers, from 0 to 1, and the tone of its cloth there."""
    fine = size * FINE
    mask, tone = Image.new("L", (fine, fine)), Image.new("L", (fine, fine), CLOTH)
    on_mask, on_tone = ImageDraw.Draw(mask), ImageDraw.Draw(tone)
    for polygon, shade in shape.parts:
        placed = pose.place(polygon)
        on_mask.polygon(placed, fill=255)
        on_tone.polygon(placed, fill=shade, outline=max(shade - 36, 0))
    for polygon, shade in shape.lines:
        on_tone.line(pose.place(polygon), fill=shade, width=max(fine // 50, 1))
    dot = fine / 64
    for point, shade in shape.dots:
        ((x, y),) = pose.place([point])
        on_tone.ellipse((x - dot, y - dot, x + dot, y + dot), fill=shade)
    if label:
        ((x, y),) = pose.place([shape.label])
        on_tone.rectangle((x - 3 * dot, y - 1.5 * dot, x + 3 * dot, y + 1.5 * dot), fill=LABEL)
    return floats(np.asarray(mask.reduce(FINE)) / 255), floats(np.asarray(tone.reduce(FINE)))


def posed(random: np.random.Generator, side: int) -> Pose:
    """Turned by up to 25 degrees, of another size and proportion, and not in the middle."""
    turn = np.deg2rad(np.clip(random.normal(0, 10), -25, 25))
    scale = side / 2 * random.uniform(0.62, 0.95) * np.array([random.uniform(0.88, 1.12), 1.0])
    if random.random() < 0.5:
        scale = scale * [-1, 1]
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Pose(np.diag(scale) @ rotation, side / 2 * (1 + random.uniform(-0.14, 0.14, 2)))


def lit(random: np.random.Generator, seen: Floats) -> Photo:
    """Light from one side, of some colour, and the grain of a camera."""
    size = len(seen)
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = (float(each) for each in random.uniform(-0.25, 0.25, 2))
    light = (1 + across * steps[None, :] + down * steps[:, None]) * float(random.uniform(0.7, 1.15))
    colour = floats(1 + random.normal(0, 0.05, 3))
    grain = random.standard_normal((size, size, 1), np.float32) * float(random.uniform(1, 9))
    return np.asarray(np.clip(seen * light[..., None] * colour + grain, 0, 255), np.uint8)


def shifted(mask: Floats, random: np.random.Generator) -> Floats:
    """The garment's outline a few pixels on, as its shadow falls."""
    far = max(len(mask) // 24, 1)
    down, right = (int(step) for step in random.integers(-far, far + 1, 2))
    return np.roll(mask, (down, right), (0, 1))


def pick(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(random.integers(len(words)))]


def columns(count: int, seed: int, size: int) -> Split:
    """That many photos, all kinds equally likely, with the kind as a one-hot target; same seed, same photos."""
    random = np.random.default_rng([seed, 714])
    kinds = random.integers(len(KINDS), size=count)
    return Split(
        inputs={"photo": [render(KINDS[kind], random, size=size) for kind in kinds]},
        targets={"label": np.eye(len(KINDS), dtype=np.float32)[kinds]},
    )
