"""Reads PFM files: one float32 for each pixel, as disparity maps have them. Knows nothing of disparity.

A header of three lines (`Pf` or, for colour, `PF`; width and height; a scale that is negative where the bytes are
little-endian), then the rows, the lowest first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 200_000_000


def read_pfm(path: Path) -> NDArray[np.float32]:
    """Height × width, the top row first; what is unknown is infinite or NaN, as written. Raises ValueError, OSError."""
    with path.open("rb") as file:
        kind, size, scale = (file.readline(100).split() for _ in range(3))
        if kind != [b"Pf"]:
            raise ValueError("a colour PFM, not a map" if kind == [b"PF"] else "not a PFM file")
        width, height, order = header(size, scale)
        raw = file.read(4 * width * height + 1)
    if len(raw) != 4 * width * height:
        raise ValueError(f"expected {width} × {height} numbers, got {len(raw):,} bytes")
    return np.frombuffer(raw, order).astype(np.float32).reshape(height, width)[::-1]


def header(size: list[bytes], scale: list[bytes]) -> tuple[int, int, str]:
    """Width, height, and numpy's name for the numbers."""
    try:
        (width, height), (factor,) = map(int, size), map(float, scale)
    except ValueError:
        raise ValueError("expected a width, a height and a scale") from None
    if min(width, height) < 1 or width * height > MAX_PIXELS or not factor:
        raise ValueError(f"a width of {width}, a height of {height} and a scale of {factor:g} are not possible")
    return width, height, "<f4" if factor < 0 else ">f4"
