"""Rendered stereo scenes: seeded, and exact in size, place on the floor, disparity and depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from training.datasets import stereo, stereo_scenes
from training.datasets.stereo_scenes import BASELINE, FARTHEST, FOCAL, HALF, HEIGHT, NEAREST, Scene

SIDE = 200


def test_the_seed_gives_the_scenes() -> None:
    one, again, other = (stereo.columns(stereo_scenes.scenes(3, seed), 32) for seed in (0, 0, 1))

    np.testing.assert_array_equal(one.inputs["left"], again.inputs["left"])
    assert one.targets["distance"].tolist() == again.targets["distance"].tolist()
    assert one.targets["distance"].tolist() != other.targets["distance"].tolist()


def test_columns_are_photos_and_metres() -> None:
    split = stereo.columns(stereo_scenes.scenes(40, 3), 40)

    for name in ("left", "right"):
        photos = np.asarray(split.inputs[name])
        assert photos.shape == (40, 40, 40, 3)
        assert photos.dtype == np.dtype(np.uint8)
    assert split.targets["distance"].min() >= NEAREST
    assert split.targets["distance"].max() <= FARTHEST
    assert set(split.groups["object"]) == {"ball", "box"}


@pytest.mark.parametrize("kind", ["ball", "box"])
@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_the_object_has_its_size_in_pixels(kind: str, distance: float) -> None:
    rows, columns = extent(scene(kind, distance))

    front, back = (distance - HALF, distance + HALF) if kind == "box" else (distance, distance)
    assert np.ptp(columns) + 1 == pytest.approx(FOCAL * SIDE * 2 * HALF / front, abs=2)
    height = HEIGHT / front - (HEIGHT - 2 * HALF) / back  # the top of a box is seen from above
    assert np.ptp(rows) + 1 == pytest.approx(FOCAL * SIDE * height, abs=2)


def test_farther_objects_stand_nearer_to_the_horizon() -> None:
    feet = [extent(scene("box", distance))[0].max() for distance in (1, 1.5, 2, 3, 4)]

    assert feet == sorted(feet, reverse=True)
    assert len(set(feet)) == 5
    assert min(feet) > SIDE / 2


@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_the_middle_of_the_object_is_shifted_by_its_disparity(distance: float) -> None:
    left, right = (extent(scene("ball", distance), eye * BASELINE / 2)[1].mean() for eye in (-1, 1))

    assert left - right == pytest.approx(FOCAL * SIDE * BASELINE / distance, abs=1)


def test_the_depth_map_is_the_disparity_between_the_photos() -> None:
    """Each pixel of the right picture is found in the left one where its depth says."""
    seen = stereo_scenes.scenes(1, 11)[0]
    left, right = (np.asarray(stereo.photo(seen, eye * BASELINE / 2, SIDE), float).mean(-1) for eye in (-1, 1))
    apart = FOCAL * SIDE * BASELINE / stereo.depth(seen, BASELINE / 2, SIDE)
    places = np.arange(SIDE) + apart
    moved = np.stack([np.interp(row, np.arange(SIDE), values) for row, values in zip(places, left, strict=True)])
    inside = places < SIDE - 1

    assert np.median(np.abs(moved - right)[inside]) < 1.0
    assert np.abs(moved - right)[inside].mean() < 0.25 * np.abs(left - right)[inside].mean()


def test_a_shift_of_part_of_a_pixel_shows() -> None:
    """Without samples within a pixel, edges would only ever move by whole ones."""
    far = scene("box", 3.9)
    one, other = (np.asarray(stereo.photo(far, eye, 71), int) for eye in (0.0, 0.01))  # a fifth of a pixel

    assert 0 < np.abs(one - other)[36:44].max() < 128


def test_a_ball_is_round_and_a_box_is_flat() -> None:
    ball, box = (stereo.depth(replace(scene(kind, 2.0), turn=0.0), 0.0, SIDE) for kind in ("ball", "box"))
    middle = (SIDE // 2 + int(0.2 * FOCAL * SIDE / 2), SIDE // 2)

    assert ball[middle] == pytest.approx(2.0 - HALF, abs=0.01)
    assert box[middle] == pytest.approx(2.0 - HALF, abs=1e-4)
    assert ball[middle[0], middle[1] + 12] > ball[middle] + 0.02
    assert box[middle[0], middle[1] + 12] == pytest.approx(box[middle], abs=1e-4)


def scene(kind: str, distance: float) -> Scene:
    """An object in the middle, face to face."""
    return replace(stereo_scenes.scenes(1, 7)[0], kind=kind, distance=float(distance), across=0.0, turn=0.0)  # type: ignore[arg-type]


def extent(seen: Scene, eye: float = 0.0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows and the columns that show the object: nearer than the same scene with it out of sight."""
    away = replace(seen, across=1_000.0)
    nearer = stereo.depth(seen, eye, SIDE) < stereo.depth(away, eye, SIDE) - 1e-6
    rows, columns = np.nonzero(nearer)
    return np.unique(rows), np.unique(columns)
