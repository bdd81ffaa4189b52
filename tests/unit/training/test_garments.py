"""Rendered garments: seeded, as ordered, told apart by their outline; and what augmentation may do to photos."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training import augment
from training.datasets.garments import KINDS, PATTERNS, columns, render
from training.photos import smoothed
from training.recipes.garment import RECIPE

Photos = NDArray[np.float32]


def rendered(count: int, seed: int, side: int = 32) -> tuple[Photos, NDArray[np.int64]]:
    split = columns(count, seed, side)
    return np.asarray(split.inputs["photo"], np.float32), split.targets["label"].argmax(-1)


def test_the_kinds_are_those_of_the_folders_people_have() -> None:
    assert KINDS == (
        "dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt",
    )  # fmt: skip


def test_the_seed_gives_the_photos() -> None:
    one, again, other = (rendered(8, seed)[0] for seed in (0, 0, 1))

    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [16, 65])
def test_every_kind_in_every_size(kind: str, size: int) -> None:
    photo = render(kind, np.random.default_rng(0), size=size, wear=1.0)

    assert photo.shape == (size, size, 3)
    assert photo.dtype == np.uint8
    assert photo.std() > 5


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_colour_is_the_one_asked_for(pattern: str) -> None:
    def mean(colour: str) -> NDArray[np.float64]:
        random = np.random.default_rng(1)
        photos = [
            render("t-shirt", random, size=32, colour=colour, pattern=pattern, wear=0, label="") for _ in range(8)
        ]
        return np.asarray(np.mean([photo[14:18, 14:18] for photo in photos], axis=(0, 1, 2)))

    red, green = mean("red"), mean("green")
    assert red[0] > green[0] + 40
    assert green[1] > red[1] + 30


def test_what_is_worn_is_paler() -> None:
    def spread(wear: float) -> float:
        photos = [
            render("dress", np.random.default_rng(seed), size=32, colour="red", pattern="plain", wear=wear, label="")
            for seed in range(12)
        ]
        middle = np.asarray(photos, np.float64)[:, 14:18, 14:18]
        return float((middle[..., 0] - middle[..., 1]).mean())

    assert spread(0.0) > spread(0.5) > spread(1.0)


@pytest.mark.parametrize("word", [{"colour": "octarine"}, {"pattern": "plaid"}, {"label": "octarine"}])
def test_unknown_words_are_refused(word: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        render("hat", np.random.default_rng(0), size=16, **word)  # type: ignore[arg-type]


def test_kinds_differ_but_not_by_colour() -> None:
    """The nearest mean outline beats chance by far and is far from right; the mean colour is as good as a guess."""
    seen, kinds = rendered(1_500, 0)
    asked, truth = rendered(400, 1)

    edges = nearest(edged(seen), kinds, edged(asked))
    colours = nearest(seen.mean((1, 2)), kinds, asked.mean((1, 2)))

    assert 0.3 < (edges == truth).mean() < 0.75
    assert (colours == truth).mean() < 0.25


def edged(photos: Photos) -> Photos:
    """Where neighbours differ, in blocks of four pixels."""
    grey = photos.mean(-1)
    strength = np.abs(np.diff(grey, axis=1, append=0)) + np.abs(np.diff(grey, axis=2, append=0))
    blocks = strength.reshape(len(grey), 8, 4, 8, 4).mean((2, 4)).reshape(len(grey), -1)
    return np.asarray(blocks / np.linalg.norm(blocks, axis=1, keepdims=True), np.float32)


def nearest(seen: Photos, kinds: NDArray[np.int64], asked: Photos) -> NDArray[np.int64]:
    means = np.stack([seen[kinds == kind].mean(0) for kind in range(len(KINDS))])
    return np.asarray(((asked[:, None] - means) ** 2).sum(-1).argmin(1))


def test_augmentation_keeps_shape_range_and_seed() -> None:
    photos = rendered(16, 0)[0] / np.float32(255)
    before = photos.copy()

    changed, again, other = (
        augment.photos({"photo": photos, "other": photos}, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(photos, before)
    np.testing.assert_array_equal(changed["other"], before)
    np.testing.assert_array_equal(changed["photo"], again["photo"])
    assert not np.array_equal(changed["photo"], other["photo"])
    assert changed["photo"].shape == photos.shape
    assert changed["photo"].dtype == np.float32
    assert changed["photo"].min() >= 0
    assert changed["photo"].max() <= 1


def test_sampling_at_every_pixel_changes_nothing() -> None:
    photos = np.random.default_rng(0).random((2, 5, 7, 3), np.float32)
    rows, columns = (np.broadcast_to(each, (2, 5, 7)).astype(np.float32) for each in np.mgrid[:5, :7])

    np.testing.assert_allclose(augment.sampled(photos, rows, columns), photos, atol=1e-6)
    np.testing.assert_allclose(augment.sampled(photos, rows, columns[..., ::-1]), photos[:, :, ::-1], atol=1e-6)
    np.testing.assert_allclose(augment.sampled(photos, rows - 9, columns), np.repeat(photos[:, :1], 5, 1), atol=1e-6)
    between = augment.sampled(photos, rows + np.float32(0.5), columns)[:, 0]
    np.testing.assert_allclose(between, (photos[:, 0] + photos[:, 1]) / 2, atol=1e-6)


def test_smoothed_labels_still_add_up_and_name_the_same_label() -> None:
    split = columns(20, 0, 16)
    soft = smoothed(split, 0.1).targets["label"]

    np.testing.assert_allclose(soft.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(soft.max(-1), 0.91, rtol=1e-6)
    np.testing.assert_array_equal(soft.argmax(-1), split.targets["label"].argmax(-1))


def test_training_and_held_out_photos_differ() -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    train, held = (np.asarray(split.inputs["photo"]) for split in (data.train, data.held_out))

    assert not any((train == photo).all((1, 2, 3)).any() for photo in held)
