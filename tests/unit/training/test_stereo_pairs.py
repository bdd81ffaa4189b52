"""Stereo pairs as the Middlebury sets write them, from folders that the test writes."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.datasets import stereo, stereo_scenes
from training.datasets.disparity import Rig
from training.datasets.pfm import read_pfm
from training.datasets.stereo_pairs import read
from training.recipes.stereo_depth import RECIPE

SIDE = 64
FOCAL = stereo_scenes.FOCAL * SIDE
CALIBRATION = f"""cam0=[{FOCAL} 0 32; 0 {FOCAL} 32; 0 0 1]
cam1=[{FOCAL} 0 30; 0 {FOCAL} 32; 0 0 1]
doffs=-2.0
baseline=60
width={SIDE}
height={SIDE}
ndisp=20
"""


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pfm_has_its_lowest_row_first_and_either_byte_order(order: str, tmp_path: Path) -> None:
    values = np.array([[1.5, np.inf, 3.0], [4.0, 5.0, -6.0]], np.float32)
    write_pfm(tmp_path / "map.pfm", values, order)

    np.testing.assert_array_equal(read_pfm(tmp_path / "map.pfm"), values)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"P5\n2 2\n255\n....", "not a PFM"),
        (b"PF\n1 1\n-1\n" + bytes(12), "colour"),
        (b"Pf\n2\n-1\n", "a width, a height and a scale"),
        (b"Pf\n2 two\n-1\n", "a width, a height and a scale"),
        (b"Pf\n0 2\n-1\n", "not possible"),
        (b"Pf\n99999999 99999999\n-1\n", "not possible"),
        (b"Pf\n2 2\n0\n" + bytes(16), "not possible"),
        (b"Pf\n2 2\n-1\n" + bytes(15), "got 15 bytes"),
        (b"Pf\n2 2\n-1\n" + bytes(17), "got 17 bytes"),
        (b"", "not a PFM"),
    ],
)
def test_a_file_that_is_no_map_is_refused(raw: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "map.pfm").write_bytes(raw)

    with pytest.raises(ValueError, match=why):
        read_pfm(tmp_path / "map.pfm")


@pytest.mark.parametrize("ending", ["png", "ppm", "jpg"])
@pytest.mark.parametrize("map_name", ["disp0.pfm", "disp0GT.pfm"])
def test_the_distance_is_that_of_the_middle(ending: str, map_name: str, tmp_path: Path) -> None:
    for number, distance in enumerate((1.5, 2.5)):
        write_scene(tmp_path / f"scene{number}", distance, ending, map_name)

    pairs = read(tmp_path, 0, Rig())

    assert pairs.problems == []
    assert sorted(each.distance for each in [*pairs.train, *pairs.held_out]) == pytest.approx([1.5, 2.5], rel=1e-5)
    left = pairs.train[0].left
    assert opened(left).shape == (SIDE, SIDE, 3)
    assert isinstance(left, bytes) == (ending != "ppm")
    assert not np.array_equal(opened(left), opened(pairs.train[0].right))


def test_grey_maps_are_scaled_and_their_zeros_unknown(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pictures(tmp_path / name, "im2", "im6", "ppm")
        levels = np.full((SIDE, SIDE), 80, np.uint8)
        levels[:, ::2] = 0
        Image.fromarray(levels).save(tmp_path / name / "disp2.pgm")

    pairs = read(tmp_path, 0, Rig(focal=100.0, baseline=0.2, scale=4.0))

    assert [each.distance for each in [*pairs.train, *pairs.held_out]] == pytest.approx([1.0, 1.0])


def test_every_scene_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for name in (
        "good",
        "fine",
        "blind",
        "torn",
        "lone",
        "wide",
        "uncalibrated",
        "test/apart",
        "broken",
        "odd",
        "fake",
    ):
        write_scene(tmp_path / name, 2.0)
    write_pfm(tmp_path / "blind/disp0.pfm", np.full((SIDE, SIDE), np.inf, np.float32))
    (tmp_path / "torn/im1.png").write_bytes((tmp_path / "torn/im1.png").read_bytes()[:300])
    (tmp_path / "fake/im0.png").write_bytes(b"no picture")
    (tmp_path / "lone/im1.png").unlink()
    write_pfm(tmp_path / "wide/disp0.pfm", np.ones((SIDE, SIDE + 1), np.float32))
    (tmp_path / "uncalibrated/calib.txt").unlink()
    (tmp_path / "broken/calib.txt").write_text("cam0=[1 0 0]\n")
    (tmp_path / "odd/calib.txt").write_text(CALIBRATION.replace("width=64", "width=640"))

    pairs = read(tmp_path, 0, Rig())

    assert (len(pairs.train), len(pairs.held_out)) == (1, 1)
    expected = {
        "blind": "the disparity of the middle is unknown but for 0% of it",
        "torn": "im1.png: ",
        "fake": "im0.png: cannot identify image file",
        "lone": "none of im1.png, im1.jpg, im1.jpeg, im1.ppm, im1.pgm",
        "wide": "im0.png, im1.png and disp0.pfm differ in size",
        "uncalibrated": "no calib.txt, and the options focal (pixels) and baseline (metres) are not given",
        "test/apart": "below a folder `test`",
        "broken": "calib.txt lacks a number: 'baseline'",
        "odd": "calib.txt is of pictures of 640 × 64 pixels, not 64 × 64",
    }
    assert len(pairs.problems) == len(expected)
    for name, why in expected.items():
        assert any(problem.startswith(f"{tmp_path / name}: {why}") for problem in pairs.problems), name


@pytest.mark.parametrize("part", ["Test", "TEST", "testing", "Testing", "Training/test"])
def test_a_test_folder_is_left_alone_in_any_case(part: str, tmp_path: Path) -> None:
    for place, distance in (("Training/a", 1.0), ("Training/b", 2.0), (f"{part}/c", 3.0)):
        write_scene(tmp_path / place, distance)

    pairs = read(tmp_path, 0, Rig())

    assert sorted(each.distance for each in [*pairs.train, *pairs.held_out]) == pytest.approx([1.0, 2.0])
    said = part.rpartition("/")[2].lower()
    apart = f"below a folder `{said}`, so neither trained on nor judged by"
    assert pairs.problems == [f"{tmp_path / part / 'c'}: {apart}"]


@pytest.mark.parametrize("part", ["val", "validation", "dev", "valid", "Validation", "VAL"])
def test_a_validation_folder_is_held_out(part: str, tmp_path: Path) -> None:
    for place, distance in (("train/a", 1.0), ("train/b", 2.0), (f"{part}/c", 3.0)):
        write_scene(tmp_path / place, distance)

    pairs = read(tmp_path, 0, Rig())

    assert [each.distance for each in pairs.train] == pytest.approx([1.0, 2.0])
    assert [each.distance for each in pairs.held_out] == pytest.approx([3.0])


def test_without_one_a_share_is_drawn_by_seed(tmp_path: Path) -> None:
    for number in range(10):
        write_scene(tmp_path / str(number), 1.0 + number / 10)

    held = [[each.distance for each in read(tmp_path, seed, Rig()).held_out] for seed in (0, 0, 1, 2, 3)]

    assert [len(each) for each in held] == [2] * 5
    assert held[0] == held[1]
    assert len({tuple(each) for each in held}) > 1


def test_a_folder_without_usable_pairs_is_refused_with_the_reasons(tmp_path: Path) -> None:
    write_scene(tmp_path / "only", 1.0)
    write_scene(tmp_path / "other", 1.0)
    (tmp_path / "other/disp0.pfm").unlink()

    with pytest.raises(ValueError, match=r"needs two usable stereo pairs.*\n.*other: none of disp0\.pfm"):
        read(tmp_path, 0, Rig())


def test_the_recipe_reads_such_a_folder(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        write_scene(tmp_path / name, 2.0)
    for name in ("one", "two"):
        (tmp_path / name / "calib.txt").unlink()
    smoke = RECIPE.presets["smoke"]

    with pytest.raises(ValueError, match="and the options focal"):
        RECIPE.load(smoke, 0, tmp_path)
    (tmp_path / "three/disp0.pfm").unlink()
    data = RECIPE.load(replace(smoke, options={**smoke.options, "focal": FOCAL, "baseline": 0.06}), 0, tmp_path)

    assert data.problems == [f"{tmp_path / 'three'}: none of disp0.pfm, disp0GT.pfm"]
    assert (len(data.train), len(data.held_out)) == (1, 1)
    assert data.train.targets["distance"] == pytest.approx(FOCAL * 0.06 / (FOCAL * 0.06 / 2.0 + 2.0))
    assert data.source == f"stereo pairs of {tmp_path.name}"


def write_scene(place: Path, distance: float, ending: str = "png", map_name: str = "disp0.pfm") -> None:
    """A box that fills the middle at this distance, with the disparity of every pixel."""
    write_pictures(place, "im0", "im1", ending)
    depths = np.full((SIDE, SIDE), 9.0, np.float32)
    depths[12:52, 12:52] = distance
    apart = np.asarray(FOCAL * stereo_scenes.BASELINE / depths + 2.0, np.float32)
    apart[::3, ::2] = np.inf
    write_pfm(place / map_name, apart)
    (place / "calib.txt").write_text(CALIBRATION)


def write_pictures(place: Path, left: str, right: str, ending: str) -> None:
    place.mkdir(parents=True)
    for name, pixels in zip((left, right), stereo.pair(stereo_scenes.scenes(1, 0)[0], SIDE), strict=True):
        Image.fromarray(pixels).save(place / f"{name}.{ending}")


def write_pfm(path: Path, values: NDArray[np.float32], order: str = "<") -> None:
    height, width = values.shape
    scale = -1.0 if order == "<" else 1.0
    path.write_bytes(f"Pf\n{width} {height}\n{scale}\n".encode() + values[::-1].astype(f"{order}f4").tobytes())


def opened(photo: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(photo))) if isinstance(photo, bytes) else photo
