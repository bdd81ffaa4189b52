"""Reads a folder of stereo pairs with disparity, in the layouts of the Middlebury sets.

A scene is a folder with `im0`, `im1` and `disp0.pfm` (or `disp0GT.pfm`), or with `im2`, `im6` and `disp2.pgm`. Its
distance is that of the middle: the median over the middle half, in both directions, of the square that a cropped
photo keeps, of focal length × baseline / (disparity + doffs). A scene that cannot be used is reported with its path
and the reason, and the rest goes on. Knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.datasets.disparity import Rig, calibration, disparity, middle_distance, size
from training.datasets.parts import PARTS
from training.recipe import Split

LAYOUTS = (("im0", "im1", ("disp0.pfm", "disp0GT.pfm")), ("im2", "im6", ("disp2.pfm", "disp2.pgm", "disp2.png")))
AS_FILES, AS_PIXELS = (".png", ".jpg", ".jpeg"), (".ppm", ".pgm")
"""What is handed on as it is, and what a caller could not send: its pixels are."""
HELD_OUT, TEST = (frozenset(name for name, use in PARTS.items() if use == part) for part in ("held_out", "test"))
"""Folders, in any case; what is below others, `train` and `training` among them, is trained on."""
HELD_OUT_SHARE = 0.2
Photo = bytes | NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """One usable scene."""

    left: Photo
    right: Photo
    distance: float


@dataclass
class Pairs:
    """What a folder holds."""

    train: list[Pair] = field(default_factory=list)
    held_out: list[Pair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(folder: Path, seed: int, rig: Rig) -> Pairs:
    """Every usable scene; `rig` holds for those without a calib.txt. Raises ValueError when there are fewer than two.

    Scenes below a folder `validation`, `valid`, `val` or `dev`, in any case, are held out; without any, a share of all,
    drawn by seed. Those below `test` or `testing` are left alone.
    """
    pairs = Pairs()
    for place, layout in scenes(folder):
        above = {part.lower() for part in place.relative_to(folder).parts}
        if apart := TEST & above:
            pairs.problems.append(f"{place}: below a folder `{min(apart)}`, so neither trained on nor judged by")
            continue
        try:
            (pairs.held_out if HELD_OUT & above else pairs.train).append(pair(place, layout, rig))
        except (ValueError, OSError) as error:
            pairs.problems.append(f"{place}: {error}")
    if not pairs.held_out:
        hold_out(pairs, np.random.default_rng([seed, 716]))
    if not pairs.train or not pairs.held_out:
        said = "".join(f"\n{problem}" for problem in pairs.problems)
        raise ValueError(f"{folder} needs two usable stereo pairs: one to train on, one to judge by{said}")
    return pairs


def scenes(folder: Path) -> Iterator[tuple[Path, tuple[str, str, tuple[str, ...]]]]:
    """The folders with a left picture, in order."""
    for place in sorted([folder, *(each for each in folder.rglob("*") if each.is_dir())]):
        for layout in LAYOUTS:
            if find(place, pictures(layout[0])) is not None:
                yield place, layout
                break


def hold_out(pairs: Pairs, random: np.random.Generator) -> None:
    count = max(1, round(len(pairs.train) * HELD_OUT_SHARE))
    held = set(random.permutation(len(pairs.train))[:count].tolist())
    pairs.held_out = [pairs.train[place] for place in sorted(held)]
    pairs.train = [each for place, each in enumerate(pairs.train) if place not in held]


def pair(place: Path, layout: tuple[str, str, tuple[str, ...]], rig: Rig) -> Pair:
    """Raises ValueError or OSError with what is wrong with the scene."""
    first, second, maps = layout
    left, right = (needed(place, pictures(stem)) for stem in (first, second))
    known = needed(place, maps)
    sizes = [size(each) for each in (left, right)]
    depths = disparity(known, rig.scale)
    if not sizes[0] == sizes[1] == depths.shape[::-1]:
        raise ValueError(f"{left.name}, {right.name} and {known.name} differ in size: {sizes} and {depths.shape[::-1]}")
    calibrated = calibration(place / "calib.txt", sizes[0]) if (place / "calib.txt").is_file() else rig
    if calibrated.focal <= 0 or calibrated.baseline <= 0:
        raise ValueError("no calib.txt, and the options focal (pixels) and baseline (metres) are not given")
    return Pair(photo(left), photo(right), middle_distance(depths, calibrated))


def pictures(stem: str) -> tuple[str, ...]:
    return tuple(stem + ending for ending in AS_FILES + AS_PIXELS)


def find(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((place / name for name in names if (place / name).is_file()), None)


def needed(place: Path, names: tuple[str, ...]) -> Path:
    found = find(place, names)
    if found is None:
        raise ValueError(f"none of {', '.join(names)}")
    return found


def photo(path: Path) -> Photo:
    if path.suffix in AS_FILES:
        return path.read_bytes()
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def columns(pairs: list[Pair]) -> Split:
    """The scenes as named photos and a named target."""
    return Split(
        inputs={"left": [each.left for each in pairs], "right": [each.right for each in pairs]},
        targets={"distance": np.array([each.distance for each in pairs], np.float32)},
    )
