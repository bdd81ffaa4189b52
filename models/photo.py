"""A photo as people have it, base64 text or bytes of a file or plain pixels, to one size and three colours.

The same code at training and at serving. Knows no HTTP.
"""

from __future__ import annotations

import binascii
import re

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from models.picture import PHOTO, Costly, decoded
from models.resizing import Fit, Pixels, resized
from models.signature import TensorSpec
from models.values import InvalidValue

BASE64 = f"{PHOTO} in base64"
SMALL_TEXT = 16 * 1024
SMALL_PIXELS = 128 * 128
"""A file of so little base64 and so few pixels is decoded in a tenth of a millisecond."""
PIXELS = "rows of pixels, each three numbers from 0 to 255"
STANDARD = bytes.maketrans(b"-_", b"+/")
BLANKS = b" \t\r\n\f\v"
FOREIGN = re.compile(r"[^A-Za-z0-9+/_= \t\r\n\f\v-]|=(?=\s*[^=\s])")
"""What does not belong into base64: another letter, or a padding sign before the end."""


class Image(msgspec.Struct, frozen=True, tag="image", forbid_unknown_fields=True):
    """A photo, resized to the input's height and width, to float32 of shape (height, width, 3).

    A pixel from 0 to 255 becomes `pixel * scale + offset`. `fit` says what becomes of a photo of another shape:
    `crop` keeps the middle, `pad` adds black at the edges, `stretch` distorts.
    """

    fit: Fit = "crop"
    scale: float = 1 / 255
    offset: float = 0.0
    max_pixels: int = 50_000_000


class ImageEncoder:
    """Base64 text or bytes of a PNG, JPEG or WebP file, or pixels from 0 to 255, to float32 (height, width, 3)."""

    def __init__(self, spec: Image, tensor: TensorSpec) -> None:
        """Raises ValueError for an input of another kind of shape."""
        match tensor.shape:
            case (int(height), int(width), 3) if tensor.dtype == "float32" and height > 0 and width > 0:
                self._size = (width, height)
            case _:
                raise ValueError(f"a photo is a float32 input of shape [height, width, 3], not {tensor}")
        self._spec = spec

    def encode(self, value: object) -> NDArray[np.float32]:
        """Raises InvalidValue."""
        return self._scaled(self.pixels(value))

    def encode_small(self, value: object) -> NDArray[np.float32] | None:
        """As `encode`, of what takes hardly any time; None of what may take more. Raises InvalidValue."""
        if not isinstance(value, str) or len(value) > SMALL_TEXT:
            return None
        most = min(SMALL_PIXELS, self._spec.max_pixels)
        try:
            return self._scaled(decoded(from_base64(value), self._size, self._spec.fit, most))
        except Costly:
            return None

    def _scaled(self, pixels: Pixels) -> NDArray[np.float32]:
        row = pixels.astype(np.float32)
        row *= self._spec.scale
        row += self._spec.offset
        return row

    def pixels(self, value: object) -> Pixels:
        """The photo in the input's size, in 0 to 255: what `encode` scales. Raises InvalidValue."""
        if isinstance(value, str):
            value = from_base64(value)
        if isinstance(value, bytes):
            return decoded(value, self._size, self._spec.fit, self._spec.max_pixels)
        return resized(of_numbers(value, self._spec.max_pixels), self._size, self._spec.fit)


def from_base64(text: str) -> bytes:
    """The bytes of base64 in either alphabet, with or without `data:…;base64,` before it and `=` after it.

    Raises InvalidValue with the place of what does not belong there.
    """
    start = 0
    if text[:5].lower() == "data:":
        head = text[:200].partition(",")[0]
        if not head.lower().endswith(";base64"):
            raise InvalidValue(BASE64, "a data URL that does not say base64")
        start = len(head) + 1
    try:
        plain = text.encode("ascii")[start:].translate(STANDARD, BLANKS).rstrip(b"=")
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:  # a letter that is not ASCII, or base64 that is wrong
        found = FOREIGN.search(text, start)
        wrong = f"text that is not base64 at character {found.start():,}" if found else "base64 that was cut off"
        raise InvalidValue(BASE64, wrong) from None


def of_numbers(value: object, max_pixels: int) -> Pillow.Image:
    """Rows of pixels as a picture. Raises InvalidValue."""
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise InvalidValue(PIXELS, "nested lists of uneven length") from None
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise InvalidValue(PIXELS, f"shape {list(array.shape)}")
    if array.shape[0] * array.shape[1] > max_pixels:
        raise InvalidValue(f"a photo of at most {max_pixels:,} pixels", f"{array.shape[1]:,} × {array.shape[0]:,}")
    return Pillow.fromarray(np.ascontiguousarray(array if array.dtype == np.uint8 else rounded(array)))


def rounded(array: NDArray[np.generic]) -> Pixels:
    """Raises InvalidValue for what is not a number from 0 to 255."""
    if array.dtype.kind not in "iuf":
        raise InvalidValue(PIXELS, "values that are no numbers")
    numbers = array.astype(np.float64)
    if not (numbers.min() >= 0 and numbers.max() <= 255):  # nor is what is not a number
        raise InvalidValue(PIXELS, f"numbers from {numbers.min():g} to {numbers.max():g}")
    return np.rint(numbers).astype(np.uint8)
