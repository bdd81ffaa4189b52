"""A price without a photo: the learnt row that stands in for it, how it is trained, and how it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.missing import learnt_null
from models.preprocessing import ImageEncoder
from models.signature import Missing
from models.zoo import clothing_price
from tests.integration.garment_rows import SIZES, inputs, price
from training.batches import encode
from training.evaluation import evaluate
from training.experiments import joint_modalities
from training.fit import predict
from training.recipes.clothing_price import NO_PHOTO, PHOTO, RECIPE, WITHOUT_PHOTO, sometimes_gone, varied


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    return clothing_price.build(SIZES, mean=3.0, deviation=0.8)


def test_rows_with_and_without_a_photo_share_a_batch(model: Any) -> None:
    batch = without_photo(inputs(5, count=8), rows=(0, 3, 4, 7))
    together = price(model, batch)

    for row in range(8):
        alone = {name: values[row : row + 1] for name, values in batch.items()}
        np.testing.assert_allclose(together[row], price(model, alone)[0], rtol=1e-5, atol=1e-5)
    with_photos = price(model, inputs(5, count=8))
    assert np.abs(together - with_photos)[[0, 3, 4, 7]].min() > 1e-4
    np.testing.assert_allclose(together[[1, 2, 5, 6]], with_photos[[1, 2, 5, 6]], rtol=1e-5)


def test_a_missing_photo_is_answered_by_the_learnt_row_alone(model: Any) -> None:
    """Neither the convolutions nor their neighbours have a say; and with a photo that row has none."""
    batch = without_photo(inputs(6), rows=(0, 1))
    before = price(model, batch)

    with changed(model, "no_photo"):
        learnt = np.abs(price(model, batch) - before).ravel()
    with changed(model, "Conv2D"):
        seen = np.abs(price(model, batch) - before).ravel()

    assert learnt[:2].min() > 1e-2
    assert learnt[2:].max() == 0
    assert seen[:2].max() == 0
    assert seen[2:].min() > 1e-2


def test_one_number_that_is_not_the_null_makes_a_photo(model: Any) -> None:
    nothing, almost = without_photo(inputs(7), rows=range(4)), without_photo(inputs(7), rows=range(4))
    almost["photo"][:, 17, 3, 1] = 0

    assert np.abs(price(model, nothing) - price(model, almost)).min() > 1e-4


def test_the_learnt_row_is_trained(model: Any) -> None:
    """By rows without a photo, and by no other."""
    trained = keras.models.clone_model(model)
    trained.compile(optimizer=keras.optimizers.SGD(0.1), loss={"price": "mean_squared_logarithmic_error"})
    row = trained.get_layer("no_photo")
    before = row.get_weights()[0]

    trained.fit(inputs(8), {"price": np.full((4, 1), 50.0)}, verbose=0)
    np.testing.assert_array_equal(row.get_weights()[0], before)
    trained.fit(without_photo(inputs(8), rows=(2,)), {"price": np.full((4, 1), 50.0)}, verbose=0)
    assert np.abs(row.get_weights()[0] - before).max() > 1e-6


def test_a_file_keeps_what_was_learnt_and_needs_no_code_of_ours(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "graph.keras")
    again = keras.models.load_model(tmp_path / "graph.keras", safe_mode=True)

    batch = without_photo(inputs(), rows=(1, 2))
    np.testing.assert_allclose(price(again, batch), price(model, batch), rtol=1e-6)


def test_a_fifth_of_the_photos_are_gone_and_nothing_else() -> None:
    before = inputs(9, count=500)
    after = sometimes_gone(dict(before), np.random.default_rng(0))

    gone = (after["photo"] == NO_PHOTO).all(axis=(1, 2, 3))
    assert gone.mean() == pytest.approx(WITHOUT_PHOTO, abs=0.05)
    np.testing.assert_array_equal(after["photo"][~gone], before["photo"][~gone])
    assert after["photo"].dtype == np.float32
    assert all(after[name] is before[name] for name in ("metadata", "description"))
    assert sometimes_gone({"metadata": before["metadata"]}, np.random.default_rng(0)).keys() == {"metadata"}


def test_training_loses_the_same_photos_with_the_same_seed() -> None:
    assert RECIPE.augment is varied
    before = inputs(10, count=100)

    one, again, other = (varied(dict(before), np.random.default_rng([seed, 2, 5])) for seed in (0, 0, 1))

    np.testing.assert_array_equal(one["photo"], again["photo"])
    assert (one["photo"] != other["photo"]).any()
    gone = (one["photo"] == NO_PHOTO).all(axis=(1, 2, 3))
    turned = [np.array_equal(new, old[:, ::-1]) for new, old in zip(one["photo"], before["photo"], strict=True)]
    assert gone.any()
    assert any(turned)
    assert all(one[name] is before[name] for name in ("metadata", "description"))


@pytest.mark.parametrize("shade", [0, 255])
def test_no_photo_becomes_the_null(shade: int) -> None:
    """The darkest and the lightest, with the edges that make a square of them."""
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    declared = data.signature.input("photo")
    encode = ImageEncoder(PHOTO, declared.spec).encode

    assert declared.missing == Missing("learnt_null", NO_PHOTO)
    assert [each.missing.policy for each in data.signature.inputs] == ["refuse", "refuse", "learnt_null"]
    assert encode(np.full((40, 20, 3), shade, np.uint8)).min() > NO_PHOTO + 0.5
    assert (learnt_null(declared) == NO_PHOTO).all()
    assert learnt_null(declared).shape == declared.spec.shape


def test_held_out_figures_are_told_with_and_without_photos() -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    built = RECIPE.build(data, RECIPE.presets["smoke"])

    metrics = evaluate(RECIPE, data, built).metrics

    figure = "price/mean_absolute_error"
    rows = encode(data, data.held_out)
    blank = {**rows, "photo": [np.full((32, 32, 3), -1, np.float32)] * len(data.held_out)}
    answers = predict(built, data, blank, 7, RECIPE.length_step)["price"][:, 0]
    assert metrics[f"{figure}/photo=given"] == metrics[figure]
    wanted = np.abs(answers - data.held_out.targets["price"]).mean()
    assert metrics[f"{figure}/photo=left_out"] == pytest.approx(wanted, rel=1e-5)
    assert metrics[f"{figure}/photo=left_out"] != metrics[figure]
    part = joint_modalities.only(data, ("metadata", "description"))
    assert list(evaluate(RECIPE, part, RECIPE.build(part, RECIPE.presets["smoke"])).metrics) == [
        figure, f"{figure}/baseline", "price/pearson", "price/pearson/baseline",
    ]  # fmt: skip


def without_photo(values: dict[str, Any], rows: Iterable[int]) -> dict[str, Any]:
    photos = values["photo"].copy()
    photos[list(rows)] = NO_PHOTO
    return {**values, "photo": photos}


@contextmanager
def changed(model: Any, which: str) -> Iterator[None]:
    """With other weights in the layers of that name or kind."""
    found = [layer for layer in model.layers if which in (layer.name, type(layer).__name__)]
    assert found
    before = [layer.get_weights() for layer in found]
    for layer, weights in zip(found, before, strict=True):
        layer.set_weights([each + 0.5 for each in weights])
    yield
    for layer, weights in zip(found, before, strict=True):
        layer.set_weights(weights)
