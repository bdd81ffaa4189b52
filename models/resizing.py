"""A decoded picture to the size and the three colours that a model takes: cropped or padded, turned, on white."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Fit = Literal["crop", "pad", "stretch"]
Pixels = NDArray[np.uint8]
Size = tuple[int, int]
"""Width and height, as Pillow has it."""

FILTER = Pillow.Resampling.BILINEAR
"""Weighs every pixel of the source, so nothing flickers when a photo shrinks, and never overshoots."""
REDUCING_GAP = 3.0
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""By EXIF orientation."""


def resized(image: Pillow.Image, size: Size, fit: Fit, orientation: int = 1) -> Pixels:
    """Turned last, when it is small: cropping the middle comes to the same either way."""
    image = of_known_mode(image)
    stored = size if orientation < 5 else size[::-1]
    box = middle(image.size, stored) if fit == "crop" else (0, 0, *image.size)
    target = inside(image.size, stored) if fit == "pad" else stored
    small = image.resize(target, FILTER, box, REDUCING_GAP)
    if orientation in TURNS:
        small = small.transpose(TURNS[orientation])
    return padded(on_white(small), size)


def of_known_mode(image: Pillow.Image) -> Pillow.Image:
    """In RGB or L, or where something is transparent in RGBa, of which averages are right."""
    if image.mode.startswith("I"):  # 16 bits of grey
        transparent = image.info.get("transparency")
        image = image.point(lambda value: value / 256).convert("L")
        if isinstance(transparent, int):
            image.info["transparency"] = transparent >> 8
    if image.has_transparency_data:
        return (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGBa")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def middle(size: Size, wanted: Size) -> tuple[int, int, int, int]:
    """The largest box in the middle that has the shape of what is wanted."""
    scale = min(size[0] / wanted[0], size[1] / wanted[1])
    width, height = (max(1, min(have, round(want * scale))) for have, want in zip(size, wanted, strict=True))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def inside(size: Size, wanted: Size) -> Size:
    """The largest size of the picture's own shape that is within what is wanted."""
    scale = min(wanted[0] / size[0], wanted[1] / size[1])
    width, height = (max(1, min(want, round(have * scale))) for have, want in zip(size, wanted, strict=True))
    return width, height


def on_white(image: Pillow.Image) -> Pixels:
    if image.mode != "RGBa":
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image).astype(np.uint16)
    whitened: Pixels = np.minimum(pixels[..., :3] + (255 - pixels[..., 3:]), 255).astype(np.uint8)
    return whitened


def padded(pixels: Pixels, size: Size) -> Pixels:
    """Black around what is smaller."""
    spare = (size[1] - pixels.shape[0], size[0] - pixels.shape[1])
    if spare == (0, 0):
        return pixels
    sides = [(each // 2, each - each // 2) for each in spare]
    return np.pad(pixels, [*sides, (0, 0)])
