"""Picture files to pixels: the only module that opens what strangers send as a picture.

A file's size is read from its header and checked before anything is decoded. Colour profiles are not applied.
"""

from __future__ import annotations

import io
import struct
import warnings

from PIL import Image as Pillow
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from models.resizing import TURNS, Fit, Pixels, Size, resized
from models.values import InvalidValue

PHOTO = "a PNG, JPEG or WebP photo"
READS = 200_000
"""Pieces that a file may be read in: a header of millions of empty parts takes as long as a picture of gigabytes."""
SCANS = 100
"""Of a progressive JPEG, if it is as large as may be: each scan can be a few bytes and cost a picture."""
OTHERS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"%PDF": "a PDF",
    b"<svg": "an SVG",
    b"<?xml": "an SVG or other XML",
    b"<": "HTML or XML",
    b"PK": "a ZIP file",
}

# What is odd about a stranger's file is no news for this program's log.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Jpeg(JpegImageFile):
    """A JPEG whose EXIF is left alone on opening: Pillow would look there for dots per inch, and complain."""

    def getexif(self) -> Pillow.Exif:
        return Pillow.Exif()


KINDS: dict[str, type[ImageFile]] = {"PNG": PngImageFile, "JPEG": Jpeg, "WebP": WebPImageFile}


class Costly(InvalidValue):
    """Decoding it might take more time or memory than was allowed."""


class Budgeted(io.BytesIO):
    """Bytes that can be read in so many pieces only."""

    _left = READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("too many parts")
        return super().read(size)


def decoded(data: bytes, size: Size, fit: Fit, max_pixels: int) -> Pixels:
    """The picture of a file, turned as its EXIF says, of that size. Raises InvalidValue, of which Costly is one."""
    name = format_of(data)
    too_large = f"a photo of at most {max_pixels:,} pixels"
    try:
        image = KINDS[name](Budgeted(data))
        width, height = image.size
        if width * height > max_pixels:
            raise Costly(too_large, f"{width:,} × {height:,}")
        if name == "JPEG" and data.count(b"\xff\xda") * width * height > SCANS * max_pixels:
            raise Costly(PHOTO, "a JPEG of too many scans")
        image.draft(None, (2 * max(size), 2 * max(size)))  # lets a JPEG be decoded at an eighth, a quarter or a half
        image.load()
        return resized(image, size, fit, orientation(image.info.get("exif", b"")))
    except InvalidValue:
        raise
    except Pillow.DecompressionBombError:
        raise Costly(too_large, f"a {name} of far more") from None
    except MemoryError:
        raise Costly(too_large, f"a {name} that there is no memory for") from None
    except Exception as error:  # whatever a decoder does on bytes that were made to break it
        raise InvalidValue(PHOTO, f"a {'truncated' if is_cut_off(data, name, error) else 'damaged'} {name}") from error


def is_cut_off(data: bytes, name: str, error: Exception) -> bool:
    if name == "WebP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return "truncated" in str(error).lower()


def format_of(data: bytes) -> str:
    """PNG, JPEG or WebP, by the first bytes. Raises InvalidValue for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    start = data[:64].lstrip()
    if data[4:8] == b"ftyp":
        raise InvalidValue(PHOTO, "a HEIC, AVIF or video file")
    told = next((name for magic, name in OTHERS.items() if start.startswith(magic)), "bytes of no such file")
    raise InvalidValue(PHOTO, told if data else "an empty file")


def orientation(exif: bytes) -> int:
    """1 to 8; 1, as it stands, where there is none or the EXIF is broken."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, place)
            if (tag, kind) == (0x0112, 3):
                return value if value in TURNS else 1
    except struct.error:  # it ends before it says
        pass
    return 1
