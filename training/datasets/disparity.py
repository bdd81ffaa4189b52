"""From a disparity map and the two cameras' calibration to metres, as the Middlebury sets write both.

Knows nothing of folders and of what a scene shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.datasets.pfm import read_pfm

MAX_PIXELS = 50_000_000
KNOWN_SHARE = 0.1
"""Of the middle: with less disparity than that, there is no telling how far it is."""
KEYED = re.compile(r"\s*(\w+)\s*=\s*\[?\s*([-+.\deE]+)")


@dataclass(frozen=True)
class Rig:
    """Two cameras: focal length and `doffs` in pixels, baseline in metres; and what is a pixel of disparity worth."""

    focal: float = 0.0
    baseline: float = 0.0
    offset: float = 0.0
    """`doffs`: how far the middles of the two pictures are apart."""
    scale: float = 1.0
    """Grey levels for one pixel of disparity, where it is written as a grey picture."""


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture that can be read to its end. Raises ValueError."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"more than {MAX_PIXELS:,} pixels")
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def disparity(path: Path, scale: float) -> NDArray[np.float32]:
    """Pixels by which a point lies farther left in the right picture; infinite where that is unknown."""
    if path.suffix == ".pfm":
        try:
            return read_pfm(path)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    size(path)
    with Image.open(path) as image:
        levels = np.asarray(image, np.float32)
    if levels.ndim != 2:
        raise ValueError(f"{path.name}: a colour picture, not a map")
    return np.where(levels > 0, levels / np.float32(scale), np.inf).astype(np.float32)


def calibration(path: Path, size: tuple[int, int]) -> Rig:
    """Reads `cam0=[focal …]`, `baseline=` (millimetres) and `doffs=`. Raises ValueError."""
    lines = path.read_text("utf-8").splitlines()
    said = {match[1]: match[2] for line in lines if (match := KEYED.match(line))}
    try:
        rig = Rig(float(said["cam0"]), float(said["baseline"]) / 1_000, float(said.get("doffs", 0)))
        wanted = (int(said.get("width", size[0])), int(said.get("height", size[1])))
    except (KeyError, ValueError) as error:
        raise ValueError(f"calib.txt lacks a number: {error}") from None
    if wanted != size:
        raise ValueError(f"calib.txt is of pictures of {wanted[0]} × {wanted[1]} pixels, not {size[0]} × {size[1]}")
    return rig


def middle_distance(depths: NDArray[np.float32], rig: Rig) -> float:
    """Metres to the middle of the left picture."""
    height, width = depths.shape
    reach = max(1, min(height, width) // 4)
    part = depths[height // 2 - reach : height // 2 + reach, width // 2 - reach : width // 2 + reach]
    apart = part[np.isfinite(part)] + rig.offset
    apart = apart[apart > 0]
    if not len(apart) or len(apart) < KNOWN_SHARE * part.size:
        raise ValueError(f"the disparity of the middle is unknown but for {len(apart) / max(1, part.size):.0%} of it")
    return float(np.median(rig.focal * rig.baseline / apart))
