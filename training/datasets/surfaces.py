"""What garments are made of and lie on: colours, patterns, wear, floors and walls. Knows no outlines.

Everything is float32 of the picture's size: shares from 0 to 1, or colours from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (38, 36, 40), "white": (236, 234, 228), "grey": (140, 140, 144), "red": (190, 40, 44),
    "blue": (46, 84, 168), "navy": (34, 42, 84), "green": (56, 128, 70), "yellow": (226, 190, 60),
    "orange": (222, 120, 44), "pink": (226, 140, 164), "purple": (116, 68, 140), "brown": (112, 76, 50),
    "beige": (206, 186, 152), "turquoise": (70, 170, 170),
}  # fmt: skip
STAIN = np.array((96, 78, 50), np.float32)
Floats = NDArray[np.float32]


def cloth(random: np.random.Generator, size: int, name: str, pattern: str, wear: float) -> Floats:
    """Cloth everywhere: its pattern in two shades, faded and stained by wear, with folds. Raises KeyError."""
    colour = np.clip(tint(name) + random.normal(0, 8, 3), 0, 255)
    other = np.clip(colour + random.choice([-70, 70]) + random.normal(0, 25, 3), 0, 255)
    seen = mixed(floats(colour), floats(other), PATTERN[pattern](random, size))
    faded = min(wear, 1.0) * random.uniform(0.45, 0.65)
    seen = mixed(seen, seen.mean(-1, keepdims=True) * 0.5 + 85, floats(np.full((size, size), faded)))
    seen = mixed(seen, STAIN, blotches(random, size, round(5 * wear), 0.04, 0.12) * 0.6)
    folds = 1 + (0.1 + 0.1 * wear) * (noise(random, size, 8) - 0.5)
    return floats(seen * folds[..., None])


def mixed(one: Floats, other: Floats, share: Floats) -> Floats:
    """From one colour to the other, pixel by pixel."""
    return floats(one + (other - one) * share[..., None])


def tint(name: str) -> Floats:
    return np.array(COLOURS[name], np.float32)


def floats(numbers: NDArray[Any]) -> Floats:
    return np.asarray(numbers, np.float32)


def holes(random: np.random.Generator, size: int, wear: float) -> Floats:
    """1 where the cloth is whole."""
    return floats(1 - blotches(random, size, int(max(wear - 0.4, 0) * random.uniform(2, 8)), 0.02, 0.045))


def background(random: np.random.Generator, size: int) -> Floats:
    """A floor, wall or sheet: uneven, perhaps with boards, and now and then with something that lies about."""
    colour = floats(random.uniform(60, 235) + random.normal(0, 18, 3))
    behind = floats(colour + (noise(random, size, 6)[..., None] - 0.5) * 40)
    if random.random() < 0.4:
        behind -= (stripes(random, size) * float(random.uniform(8, 45)))[..., None]
    if random.random() < 0.5:
        thing = blotches(random, size, int(random.integers(1, 4)), 0.08, 0.3, square=True)
        behind = mixed(behind, floats(random.uniform(20, 235, 3)), thing)
    return behind


def noise(random: np.random.Generator, size: int, cells: int) -> Floats:
    """Smooth hills and valleys from 0 to 1."""
    coarse = Image.fromarray(random.integers(0, 256, (cells, cells), np.uint8))
    return floats(np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255)


def blotches(
    random: np.random.Generator, size: int, count: int, least: float, most: float, square: bool = False
) -> Floats:
    """Spots from 0 to 1, of these radii as shares of the side."""
    picture = Image.new("L", (size, size))
    draw = ImageDraw.Draw(picture)
    for x, y, wide, high in random.random((count, 4)):
        half = (np.array([wide, high]) * (most - least) + least) * size
        box = (x * size - half[0], y * size - half[1], x * size + half[0], y * size + half[1])
        (draw.rectangle if square else draw.ellipse)(box, fill=255)
    return floats(np.asarray(picture.filter(ImageFilter.BoxBlur(1)) if count else picture, np.float32) / 255)


def waves(random: np.random.Generator, size: int, turn: float) -> Floats:
    """A wave across the picture, between -1 and 1."""
    steps = np.arange(size, dtype=np.float32) * float(2 * np.pi * random.uniform(5, 13) / size)
    across, down = float(np.cos(turn)), float(np.sin(turn))
    return floats(np.sin(across * steps[None, :] + down * steps[:, None] + float(random.uniform(0, 6.28))))


def crossed(random: np.random.Generator, size: int) -> tuple[Floats, Floats]:
    turn = random.uniform(0, np.pi / 2)
    return waves(random, size, turn), waves(random, size, turn + np.pi / 2)


def plain(random: np.random.Generator, size: int) -> Floats:
    return np.zeros((size, size), np.float32)


def stripes(random: np.random.Generator, size: int) -> Floats:
    return floats(waves(random, size, random.uniform(0, np.pi)) > random.uniform(-0.3, 0.7))


def checks(random: np.random.Generator, size: int) -> Floats:
    one, other = crossed(random, size)
    return floats(one > 0.3) * 0.5 + floats(other > 0.3) * 0.5


def dots(random: np.random.Generator, size: int) -> Floats:
    one, other = crossed(random, size)
    return floats(one + other > 1.1)


def flecks(random: np.random.Generator, size: int) -> Floats:
    return floats(noise(random, size, max(size // 3, 2)) > random.uniform(0.55, 0.75))


Pattern = Callable[[np.random.Generator, int], Floats]
PATTERN: dict[str, Pattern] = {"plain": plain, "stripes": stripes, "checks": checks, "dots": dots, "flecks": flecks}
PATTERNS = tuple(PATTERN)
