"""Photos: every way to write one comes to the same pixels, and whatever cannot be one is refused in words."""

from __future__ import annotations

import base64
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from models.picture import READS
from models.preprocessing import Image, ImageEncoder, InvalidValue, encoder
from models.signature import TensorSpec

# As `models.picture` has it for programs; pytest sets the filters anew for each test.
pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")

SIZE = (6, 8)
RED, WHITE, BLACK = [255, 0, 0], [255, 255, 255], [0, 0, 0]
PHOTO = "a PNG, JPEG or WebP photo"
SMOOTH = np.linspace(0, 255, 24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)


def photos(height: int = SIZE[0], width: int = SIZE[1], **spec: Any) -> ImageEncoder:
    made = encoder(Image(**{"scale": 1.0} | spec), TensorSpec("float32", (height, width, 3)), Path())
    assert isinstance(made, ImageEncoder)
    return made


def file(picture: Pillow.Image | NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    image = picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    image.save(written, kind, **options)
    return written.getvalue()


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *chunks: bytes, mode: int = 2) -> bytes:
    """A PNG of that size as its header says, of nothing but zeros that are left out."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND")


def with_chunk(data: bytes, *chunks: bytes) -> bytes:
    """The chunks before the picture's data."""
    place = data.index(b"IDAT") - 4
    return data[:place] + b"".join(chunks) + data[place:]


def refusal(value: object, **spec: Any) -> tuple[str, str]:
    with pytest.raises(InvalidValue) as refused:
        photos(**spec).encode(value)
    return refused.value.expected, refused.value.got


PNG, JPEG, WEBP = file(SMOOTH), file(SMOOTH, "JPEG", quality=100, subsampling=0), file(SMOOTH, "WEBP", lossless=True)
TEXT = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "value",
    [
        PNG,
        WEBP,
        SMOOTH.tolist(),
        np.clip(SMOOTH + 0.25, 0, 255),
        SMOOTH.astype(np.int16),
        TEXT,
        TEXT.rstrip("="),
        base64.urlsafe_b64encode(PNG).decode(),
        f"data:image/png;base64,{TEXT}",
        f"DATA:;BASE64,{TEXT}",
        base64.encodebytes(PNG).decode(),
        f" \r\n\t{TEXT}\n",
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_way_to_write_a_photo_comes_to_the_same(value: object) -> None:
    row = photos().encode(value)
    assert row.shape == (*SIZE, 3)
    assert row.dtype == np.float32
    np.testing.assert_array_equal(row, photos().encode(SMOOTH))


def test_a_jpeg_differs_by_what_its_compression_loses() -> None:
    np.testing.assert_allclose(photos().encode(JPEG), photos().encode(SMOOTH), atol=2)


def test_a_photo_of_the_wanted_size_is_taken_pixel_by_pixel() -> None:
    np.testing.assert_array_equal(photos(24, 32).encode(PNG), SMOOTH)


def test_pixels_are_scaled_and_shifted() -> None:
    row = photos(24, 32, scale=1 / 127.5, offset=-1.0).encode(SMOOTH)
    np.testing.assert_allclose(row, SMOOTH / 127.5 - 1, atol=1e-6)
    assert (row.min(), row.max()) == (-1, 1)


def test_a_photo_shrinks_to_the_mean_of_its_pixels() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    np.testing.assert_allclose(photos(4, 4).encode(checks), 127.5, atol=1)


def thirds() -> NDArray[np.uint8]:
    """Wide: red, white, red."""
    picture = np.full((10, 30, 3), WHITE, np.uint8)
    picture[:, :10] = picture[:, 20:] = RED
    return picture


def test_crop_keeps_the_middle() -> None:
    for picture in (thirds(), thirds().transpose(1, 0, 2)):
        row = photos(10, 10, fit="crop").encode(picture)
        assert (row == WHITE).all()


def test_pad_adds_black_at_the_edges() -> None:
    row = photos(9, 9, fit="pad").encode(thirds())
    assert (row[:3] == 0).all()
    assert (row[6:] == 0).all()
    assert row[4, [0, 4, 8]].tolist() == [RED, WHITE, RED]


def test_stretch_uses_everything() -> None:
    row = photos(3, 3, fit="stretch").encode(thirds())
    assert (row[:, 1, 1] > 150).all()
    assert (row[:, [0, 2], 1] < 50).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 20_000), (20_000, 1), (2, 3)])
def test_extreme_shapes_have_the_right_colour_in_the_middle(fit: str, height: int, width: int) -> None:
    row = photos(5, 5, fit=fit).encode(file(np.full((height, width, 3), RED, np.uint8)))
    assert row.shape == (5, 5, 3)
    assert row[2, 2].tolist() == RED


def exif(orientation: int, order: str = "<") -> bytes:
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return b"Exif\0\0" + head + struct.pack(f"{order}HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


UPRIGHT = np.array([[RED, WHITE, WHITE], [BLACK, BLACK, BLACK]], np.uint8).repeat(8, axis=0).repeat(8, axis=1)
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, 1),
    7: UPRIGHT.transpose(1, 0, 2)[::-1, ::-1],
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_camera_is_turned_back(orientation: int, kind: str, fit: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = file(np.ascontiguousarray(STORED[orientation]), kind, exif=exif(orientation), **lossless)
    size = (16, 24) if fit == "stretch" else (8, 24)
    np.testing.assert_array_equal(photos(*size, fit=fit).encode(data), photos(*size, fit=fit).encode(UPRIGHT))


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_exif_of_a_jpeg_counts_too(order: str) -> None:
    data = file(np.ascontiguousarray(STORED[6]), "JPEG", quality=100, subsampling=0, exif=exif(6, order))
    np.testing.assert_allclose(photos(16, 24).encode(data), UPRIGHT, atol=3)


@pytest.mark.parametrize(
    "broken",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0" + b"\xff" * 50,
        exif(6)[:-8],
        exif(9),
        b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 400,
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x1a\x01\x05\0\xff\xff\xff\xff\xff\xff\xff\xff" * 30,
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_broken_exif_changes_nothing(kind: str, broken: bytes) -> None:
    plain, marked = (photos().encode(file(SMOOTH, kind, **more)) for more in ({}, {"exif": broken}))
    np.testing.assert_array_equal(marked, plain)


HALF_RED = Pillow.new("RGBA", (8, 8), (255, 0, 0, 128))
PINK = [255, 127, 127]


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (file(Pillow.new("1", (8, 8), 1)), WHITE),
        (file(Pillow.new("L", (8, 8), 99)), [99] * 3),
        (file(Pillow.new("L", (8, 8), 99), "JPEG"), [99] * 3),
        (file(Pillow.new("LA", (8, 8), (0, 128))), [127] * 3),
        (file(Pillow.new("L", (8, 8), 99), transparency=99), WHITE),
        (file(Pillow.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3)), WHITE),
        (file(HALF_RED), PINK),
        (file(HALF_RED.quantize(4)), PINK),
        (file(HALF_RED, "WEBP", lossless=True), PINK),
        (file(Pillow.new("P", (8, 8)), transparency=0), WHITE),
        (file(Pillow.fromarray(np.full((8, 8), 0x80FF, np.uint16))), [128] * 3),
        (file(Pillow.fromarray(np.full((8, 8), 0x80FF, np.uint16)), transparency=0x80FF), WHITE),
        (file(Pillow.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), [254, 0, 0]),
        (file(Pillow.new("RGB", (8, 8), (255, 0, 0)), save_all=True, append_images=[Pillow.new("RGB", (8, 8))]), RED),
        (
            file(Pillow.new("RGB", (8, 8), (255, 0, 0)), "WEBP", save_all=True, lossless=True,
                 append_images=[Pillow.new("RGB", (8, 8))]),
            RED,
        ),
    ],
)  # fmt: skip
def test_every_kind_of_colour_becomes_rgb_on_white(data: bytes, colour: list[int]) -> None:
    np.testing.assert_allclose(photos().encode(data), np.broadcast_to(np.array(colour), (*SIZE, 3)), atol=1)


def test_what_is_transparent_does_not_bleed_into_its_neighbours() -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, :16] = (0, 0, 255, 255)
    row = photos(4, 4).encode(file(picture))
    assert (row[..., 2] == 255).all()
    np.testing.assert_array_equal(row[..., 0], row[..., 1])


def test_large_jpegs_are_decoded_smaller_to_the_same_colours() -> None:
    picture = np.asarray(Pillow.fromarray(SMOOTH).resize((1500, 1100)))
    np.testing.assert_allclose(photos().encode(file(picture, "JPEG", quality=95)), photos().encode(picture), atol=4)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("", "an empty file"),
        (b"", "an empty file"),
        (b"hello", "bytes of no such file"),
        (file(SMOOTH, "GIF"), "a GIF"),
        (file(SMOOTH, "TIFF"), "a TIFF"),
        (file(SMOOTH, "BMP"), "a BMP"),
        (b"%PDF-1.7", "a PDF"),
        (b' <svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b'<?xml version="1.0"?><svg/>', "an SVG or other XML"),
        (b"<!DOCTYPE html>", "HTML or XML"),
        (b"\0\0\0\x18ftypheic", "a HEIC, AVIF or video file"),
        (PNG[:100], "a truncated PNG"),
        (PNG[:8], "a damaged PNG"),
        (JPEG[:-30], "a truncated JPEG"),
        (JPEG[:3], "a damaged JPEG"),
        (WEBP[:-30], "a truncated WebP"),
        (WEBP[:12], "a truncated WebP"),
        (PNG[:50] + b"\xff" + PNG[51:], "a damaged PNG"),
        (png(0, 5), "a damaged PNG"),
        (png(5, 5), "a damaged PNG"),
        (png(5, 5, chunk(b"IDAT", b"no deflate")), "a damaged PNG"),
    ],
)
def test_what_is_no_photo_is_named(value: object, got: str) -> None:
    assert refusal(value) == (PHOTO, got)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("http://a.b/c.png", "text that is not base64 at character 4"),
        ("iVBO Rw0K é", "text that is not base64 at character 10"),
        ("iVBO\x1cRw0K", "text that is not base64 at character 4"),
        ("iV==BORw0K", "text that is not base64 at character 3"),
        ("data:image/png;base64,iVB,", "text that is not base64 at character 25"),
        ("data:image/png,iVBO", "a data URL that does not say base64"),
        ("data:" + "x" * 300, "a data URL that does not say base64"),
        ("iVBOR", "base64 that was cut off"),
        ("\ud800", "text that is not base64 at character 0"),
    ],
)
def test_text_that_is_not_base64_is_told_where(value: str, got: str) -> None:
    assert refusal(value) == (f"{PHOTO} in base64", got)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ([], "shape [0]"),
        ([[]], "shape [1, 0]"),
        (np.zeros((0, 4, 3)), "shape [0, 4, 3]"),
        (np.zeros((4, 4), np.uint8), "shape [4, 4]"),
        (np.zeros((4, 4, 4), np.uint8), "shape [4, 4, 4]"),
        ([[[1, 2, 3]], [[1, 2]]], "nested lists of uneven length"),
        ([[[0, 0, 256]]], "numbers from 0 to 256"),
        ([[[-1, 0, 0]]], "numbers from -1 to 0"),
        ([[[float("nan"), 0, 0]]], "numbers from nan to nan"),
        ([[["a", "b", "c"]]], "values that are no numbers"),
        ([[[True, True, False]]], "values that are no numbers"),
        ([[[10**400, 0, 0]]], "values that are no numbers"),
        (None, "shape []"),
        (7, "shape []"),
        ({"a": 1}, "shape []"),
    ],
)
def test_numbers_that_are_no_pixels_are_named(value: object, got: str) -> None:
    assert refusal(value) == ("rows of pixels, each three numbers from 0 to 255", got)


LARGE = "a photo of at most 50,000,000 pixels"


def test_a_size_over_the_limit_is_refused_by_the_header_alone() -> None:
    assert refusal(png(20_000, 20_000)) == (LARGE, "20,000 × 20,000")
    assert refusal(png(2**31 - 1, 2**31 - 1)) == (LARGE, "2,147,483,647 × 2,147,483,647")
    assert refusal(JPEG, max_pixels=767) == ("a photo of at most 767 pixels", "32 × 24")
    assert refusal(SMOOTH, max_pixels=767) == ("a photo of at most 767 pixels", "32 × 24")
    assert photos(max_pixels=768).encode(WEBP).shape == (*SIZE, 3)
    largest_webp = b"RIFF\x64\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xfe\x3f\0" * 2 + b"VP8L" + bytes(60)
    assert refusal(largest_webp) == (LARGE, "a WebP of far more")


def test_what_would_unpack_without_end_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(3_000_000))
    assert refusal(with_chunk(PNG, chunk(b"zTXt", b"key\0\0" + bomb))) == (PHOTO, "a damaged PNG")
    assert refusal(with_chunk(PNG, chunk(b"iCCP", b"key\0\0" + bomb))) == (PHOTO, "a damaged PNG")
    assert photos().encode(png(4, 4, chunk(b"IDAT", bomb))).max() == 0


def test_a_header_of_endless_parts_is_given_up() -> None:
    assert refusal(with_chunk(PNG, chunk(b"abCd") * READS)) == (PHOTO, "a damaged PNG")
    assert refusal(JPEG[:2] + b"\xff" * (READS + 10) + JPEG[2:]) == (PHOTO, "a damaged JPEG")


def test_a_jpeg_of_endless_scans_is_refused_and_one_of_some_is_not() -> None:
    data = file(Pillow.new("L", (4000, 4000)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert refusal(data[:-2] + last * 400 + b"\xff\xd9") == (PHOTO, "a JPEG of too many scans")
    assert photos().encode(data[:-2] + last * 2 + b"\xff\xd9").max() == 0


def test_junk_that_people_do_send_does_no_harm() -> None:
    for data in (with_chunk(PNG, chunk(b"acTL", bytes(8))), PNG + b"junk" * 99, with_chunk(PNG, chunk(b"eXIf", b"MM"))):
        np.testing.assert_array_equal(photos().encode(data), photos().encode(PNG))
    profile = file(SMOOTH, "JPEG", quality=100, subsampling=0, icc_profile=b"\xff" * 500)
    np.testing.assert_array_equal(photos().encode(profile), photos().encode(JPEG))


def test_what_is_odd_about_a_file_is_no_news_for_the_log() -> None:
    odd = with_chunk(PNG, chunk(b"acTL", bytes(8)))
    program = f"from models.picture import decoded; print(decoded({odd!r}, (2, 3), 'crop', 1000).shape)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("(3, 2, 3)\n", "")


@pytest.mark.parametrize("spec", [("float32", (8, 8)), ("float32", (8, 8, 1)), ("float32", (None, 8, 3)),
                                  ("uint8", (8, 8, 3)), ("float32", (0, 8, 3))])  # fmt: skip
def test_an_input_that_cannot_take_a_photo_is_refused(spec: Any) -> None:
    with pytest.raises(ValueError, match="a photo is a float32 input of shape"):
        encoder(Image(), TensorSpec(*spec), Path())


FILES = [PNG, JPEG, WEBP, file(HALF_RED.quantize(4)), file(SMOOTH, "JPEG", progressive=True, exif=exif(6)),
         file(HALF_RED, "WEBP", exif=exif(5)), file(Pillow.fromarray(SMOOTH).convert("CMYK"), "JPEG"),
         file(Pillow.fromarray(np.full((9, 9), 7, np.uint16)), transparency=7)]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=6)), max_size=6),
       st.integers(0, 40))  # fmt: skip
def test_mutated_files_are_refused_or_come_to_a_photo(data: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    changed = bytearray(data)
    for place, content in changes:
        start = place % len(data)
        changed[start : start + len(content)] = content
    refused_or_right(bytes(changed[: len(changed) - cut]))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"", PNG[:33], JPEG[:20], WEBP[:16], b"RIFF\xff\0\0\0WEBP"]), st.binary(max_size=200))
def test_any_bytes_after_a_true_beginning_are_refused_or_come_to_a_photo(start: bytes, rest: bytes) -> None:
    refused_or_right(start + rest)


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9+/_=\s-]{0,60}\Z"))
def test_any_text_is_refused_with_a_reason(text: str) -> None:
    expected, got = refusal(text)
    assert expected.startswith(PHOTO)
    assert got


def refused_or_right(data: bytes) -> None:
    try:
        row = photos(max_pixels=1_000_000).encode(data)
    except InvalidValue as error:
        is_right = bool(error.expected and error.got)
    else:
        is_right = row.shape == (*SIZE, 3) and bool(0 <= row.min() <= row.max() <= 255)
    assert is_right
