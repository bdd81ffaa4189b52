"""The outlines of ten kinds of garment as polygons and lines, each a little different. Knows no colours and no pixels.

Coordinates run from -1 to 1, x to the right and y down; a garment fills most of that square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Point = tuple[float, float]
Polygon = list[Point]
CLOTH, SHADED, DARK, LIGHT = 128, 112, 64, 176
"""Tones: 128 is the cloth as it is, half of that half as bright."""


@dataclass
class Outline:
    """What a garment is cut from: filled polygons, each with its tone, then lines and dots over them."""

    parts: list[tuple[Polygon, int]] = field(default_factory=list)
    lines: list[tuple[Polygon, int]] = field(default_factory=list)
    dots: list[tuple[Point, int]] = field(default_factory=list)
    label: Point = (0.0, 0.0)
    """Where the label is sewn on."""


@dataclass(frozen=True)
class Cut:
    """A top: everything by which a T-shirt differs from a coat."""

    half: float
    """Half the width of the body at the armpits."""
    top: float
    bottom: float
    hem: float
    """Half the width at the bottom."""
    neck: float
    depth: float
    """Of the neckline, below the shoulders."""
    sleeve: float
    """Length; 0 for none."""
    cuff: float
    """Width of a sleeve at its end."""


def outline(kind: str, random: np.random.Generator) -> Outline:
    """One garment of that kind. Raises KeyError."""
    return OUTLINES[kind](random)


def body(random: np.random.Generator, cut: Cut) -> Outline:
    """The body of a top with both sleeves, which hang as they like."""
    found = Outline(label=(0.0, cut.top + cut.depth + 0.07))
    for side in (-1.0, 1.0):
        if cut.sleeve:
            found.parts.append((sleeve(random, cut, side), SHADED))
    waist = cut.half * random.uniform(0.88, 1.0)
    right = [
        (0.0, cut.top + cut.depth), (cut.neck * 0.6, cut.top + cut.depth * 0.75), (cut.neck, cut.top),
        (cut.half, cut.top + 0.1), (cut.half, cut.top + 0.4), (waist, (cut.top + cut.bottom) / 2 + 0.1),
        (cut.hem, cut.bottom),
    ]  # fmt: skip
    found.parts.append((mirrored(right), CLOTH))
    return found


def sleeve(random: np.random.Generator, cut: Cut, side: float) -> Polygon:
    """Hangs down or stands off: a long one hangs more."""
    angle = np.deg2rad(random.uniform(45, 84) if cut.sleeve > 0.7 else random.uniform(20, 62))
    along = np.array([np.cos(angle) * side, np.sin(angle)])
    across = np.array([-np.sin(angle) * side, np.cos(angle)])
    shoulder = np.array([cut.half * 0.92 * side, cut.top + 0.06])
    end = shoulder + along * cut.sleeve
    corners = [shoulder, end, end + across * cut.cuff, np.array([cut.half * 0.9 * side, cut.top + 0.44])]
    return [(float(x), float(y)) for x, y in corners]


def mirrored(right: Polygon) -> Polygon:
    return right + [(-x, y) for x, y in reversed(right)]


def t_shirt(random: np.random.Generator) -> Outline:
    half = random.uniform(0.4, 0.5)
    return body(random, Cut(
        half, -0.75, random.uniform(0.55, 0.85), half * random.uniform(0.95, 1.1), random.uniform(0.15, 0.24),
        random.uniform(0.06, 0.24), random.uniform(0.28, 0.48), random.uniform(0.22, 0.32),
    ))  # fmt: skip


def longsleeve(random: np.random.Generator) -> Outline:
    half = random.uniform(0.36, 0.46)
    found = body(random, Cut(
        half, -0.75, random.uniform(0.5, 0.8), half * random.uniform(0.92, 1.08), random.uniform(0.13, 0.22),
        random.uniform(0.05, 0.2), random.uniform(0.95, 1.3), random.uniform(0.12, 0.18),
    ))  # fmt: skip
    bottom = found.parts[-1][0][6][1]
    found.lines.append(([(-half, bottom - 0.08), (half, bottom - 0.08)], SHADED - 20))
    return found


def shirt(random: np.random.Generator) -> Outline:
    """A collar, and buttons all the way down."""
    half = random.uniform(0.38, 0.48)
    length = random.uniform(0.95, 1.25) if random.random() < 0.7 else random.uniform(0.35, 0.5)
    neck, bottom = random.uniform(0.15, 0.2), random.uniform(0.6, 0.85)
    found = body(
        random,
        Cut(half, -0.72, bottom, half * random.uniform(0.95, 1.1), neck, 0.16, length, random.uniform(0.14, 0.22)),
    )
    for side in (-1, 1):
        found.parts.append(([(side * neck, -0.74), (0, -0.54), (side * neck * 1.3, -0.46)], LIGHT))
    found.lines.append(([(0.03, -0.5), (0.03, bottom)], DARK))
    found.dots += [((-0.03, y), DARK) for y in np.linspace(-0.42, bottom - 0.12, 6)]
    return found


def outwear(random: np.random.Generator) -> Outline:
    """Wide and thick, open or zipped down the middle, with a hood or a high collar, and pockets."""
    half, bottom = random.uniform(0.46, 0.58), random.uniform(0.5, 0.95)
    found = body(random, Cut(
        half, -0.66, bottom, half * random.uniform(0.95, 1.2), 0.2, 0.08, random.uniform(0.9, 1.2),
        random.uniform(0.22, 0.32),
    ))  # fmt: skip
    if random.random() < 0.5:
        hood = [(0.0, -0.95), (0.2, -0.9), (0.28, -0.66), (0.12, -0.5)]
        found.parts.append((mirrored(hood), SHADED))
    else:
        found.parts += [([(s * 0.24, -0.76), (s * 0.02, -0.1), (s * 0.32, -0.3)], LIGHT - 24) for s in (-1, 1)]
    gap = random.uniform(0.02, 0.14)
    found.parts.append(([(0, -0.5), (gap, bottom), (-gap, bottom)], DARK - 16))
    for side in (-1, 1):
        found.lines.append(([(side * half * 0.45, 0.15), (side * half * 0.8, 0.3)], DARK))
    found.label = (0.0, -0.62)
    return found


def dress(random: np.random.Generator) -> Outline:
    """Narrow above the waist, flaring below it."""
    half, neck, hem = random.uniform(0.24, 0.33), random.uniform(0.12, 0.2), random.uniform(0.4, 0.75)
    waist, length = half * random.uniform(0.75, 0.95), random.uniform(0.75, 0.98)
    found = Outline(label=(0.0, -0.6))
    reach = random.choice([0.0, random.uniform(0.2, 0.4), random.uniform(0.7, 0.95)], p=[0.5, 0.3, 0.2])
    cut = Cut(half, -0.95, length, hem, neck, 0.2, float(reach), random.uniform(0.12, 0.18))
    if reach:
        found.parts += [(sleeve(random, cut, side), SHADED) for side in (-1.0, 1.0)]
    right = [
        (0.0, random.uniform(-0.85, -0.6)), (neck, -0.95), (neck + 0.09, -0.95), (half, -0.6), (waist, -0.15),
        (hem * 0.8, length * 0.6), (hem, length),
    ]  # fmt: skip
    found.parts.append((mirrored(right), CLOTH))
    found.lines.append(([(-waist, -0.15), (waist, -0.15)], DARK + 20))
    return found


def skirt(random: np.random.Generator) -> Outline:
    half, hem = random.uniform(0.32, 0.45), random.uniform(0.45, 0.85)
    top, bottom = random.uniform(-0.75, -0.5), random.uniform(0.3, 0.85)
    right = [(0.0, top), (half, top), (half * 1.15, top + 0.3), (hem, bottom), (0.0, bottom + random.uniform(0, 0.1))]
    found = Outline([(mirrored(right), CLOTH)], label=(0.0, top + 0.06))
    found.lines.append(([(-half, top + 0.12), (half, top + 0.12)], DARK))
    for fold in random.uniform(-0.8, 0.8, random.integers(0, 5)):
        found.lines.append(([(fold * half, top + 0.15), (fold * hem, bottom)], SHADED - 16))
    return found


def trousers(random: np.random.Generator, top: float, bottom: float, ankle: float) -> Outline:
    """Two legs, which stand apart or touch."""
    half, crotch = random.uniform(0.3, 0.42), top + random.uniform(0.45, 0.6)
    spread = random.uniform(0.0, 0.18)
    found = Outline(label=(0.0, top + 0.06))
    for side in (-1, 1):
        outer = half + spread
        leg = [(0, top), (side * half, top), (side * half * 1.12, crotch), (side * outer, bottom),
               (side * max(outer - ankle, 0.03), bottom), (0, crotch)]  # fmt: skip
        found.parts.append((leg, CLOTH if side < 0 else SHADED + 6))
    found.lines += [([(-half, top + 0.1), (half, top + 0.1)], DARK), ([(0, top), (0, crotch)], DARK)]
    return found


def pants(random: np.random.Generator) -> Outline:
    return trousers(random, random.uniform(-0.98, -0.85), random.uniform(0.75, 0.98), random.uniform(0.2, 0.34))


def shorts(random: np.random.Generator) -> Outline:
    return trousers(random, random.uniform(-0.7, -0.5), random.uniform(0.1, 0.5), random.uniform(0.32, 0.42))


def shoes(random: np.random.Generator) -> Outline:
    """A pair from the side, low or high, one behind the other or heel to heel."""
    found = Outline()
    ankle, heel = random.uniform(0.1, 0.65), random.uniform(0.05, 0.22)
    for number, (x, y) in enumerate([(-0.1, -0.35), (0.05, 0.35)]):
        side = -1.0 if number and random.random() < 0.3 else 1.0
        upper = [(-0.6, -ankle), (-0.2, -ankle), (-0.05, -0.02), (0.45, 0.08), (0.68, 0.2), (0.7, 0.3), (-0.62, 0.3)]
        sole = [(-0.64, 0.27), (0.72, 0.27), (0.7, 0.36), (-0.3, 0.36), (-0.32, 0.3 + heel), (-0.62, 0.3 + heel)]
        found.parts += [
            ([(x + side * px, y + py) for px, py in part], tone) for part, tone in ((upper, CLOTH), (sole, DARK))
        ]
        for lace in (0.0, 0.12, 0.24):
            found.lines.append(([(x + side * (lace - 0.08), y + 0.1), (x + side * (lace + 0.06), y + 0.02)], LIGHT))
        found.label = (x - side * 0.4, y + 0.1)
    return found


def hat(random: np.random.Generator) -> Outline:
    """With a brim all around, with a peak on one side, or knitted."""
    half, height = random.uniform(0.42, 0.55), random.uniform(0.5, 0.8)
    angles = np.linspace(np.pi, 0, 13)
    dome = [(float(half * np.cos(a)), float(0.3 - height * np.sin(a) ** 0.7)) for a in angles]
    found = Outline([(dome, CLOTH)], label=(0.0, 0.2))
    sort = random.integers(3)
    if sort == 0:
        wide = random.uniform(0.75, 0.95)
        brim = [(float(wide * np.cos(a)), float(0.3 + 0.16 * np.sin(a))) for a in np.linspace(0, 2 * np.pi, 24)]
        found.parts.append((brim, SHADED))
        found.lines.append(([(-half, 0.16), (half, 0.16)], DARK))
    elif sort == 1:
        side = random.choice([-1.0, 1.0])
        found.parts.append(
            ([(side * half * 0.2, 0.2), (side * 0.95, 0.36), (side * 0.9, 0.44), (-side * half, 0.3)], SHADED)
        )
        found.lines.append(([(0, 0.3 - height), (0, 0.3)], SHADED - 20))
    else:
        found.parts.append(([(-half * 1.05, 0.1), (half * 1.05, 0.1), (half, 0.42), (-half, 0.42)], LIGHT - 20))
        found.dots.append(((0.0, 0.3 - height), LIGHT))
    return found


OUTLINES: dict[str, Callable[[np.random.Generator], Outline]] = {
    "dress": dress,
    "hat": hat,
    "longsleeve": longsleeve,
    "outwear": outwear,
    "pants": pants,
    "shirt": shirt,
    "shoes": shoes,
    "shorts": shorts,
    "skirt": skirt,
    "t-shirt": t_shirt,
}
"""By kind, in the alphabetical order that folders of photos have too."""
