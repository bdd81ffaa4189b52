"""Both networks of garments: names, sizes, the plain twin, files, and what the recipes make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.zoo import garment, garment_residual
from training.recipe import Recipe
from training.recipes.garment import RECIPE as INCEPTION
from training.recipes.garment_residual import RECIPE as RESIDUAL

RECIPES = [INCEPTION, RESIDUAL]


def small(recipe: Recipe) -> Any:
    preset = recipe.presets["smoke"]
    return recipe.build(recipe.load(preset, 0, None), preset)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda each: each.name)
def test_a_photo_in_and_ten_probabilities_out(recipe: Recipe) -> None:
    keras.utils.set_random_seed(0)
    model = small(recipe)
    photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    answers = np.asarray(model({"photo": photos})["label"])

    assert [each.name for each in model.inputs] == ["photo"]
    assert answers.shape == (3, 10)
    np.testing.assert_allclose(answers.sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda each: each.name)
def test_networks_are_loaded_from_a_file_in_safe_mode(recipe: Recipe, tmp_path: Path) -> None:
    model = small(recipe)
    photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)

    np.testing.assert_allclose(loaded({"photo": photos})["label"], model({"photo": photos})["label"], atol=1e-6)


def test_a_module_for_each_halving() -> None:
    model = garment.build(side=50, filters=4, modules=3)  # 50, 25, 13; 7, 4, 2
    maps = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]

    assert maps == [(7, 7, 16), (4, 4, 16), (2, 2, 16)]


def test_the_twin_has_the_same_convolutions_without_the_additions() -> None:
    def counted(variant: garment_residual.Variant) -> tuple[int, int, int]:
        model = garment_residual.build(variant, filters=4, blocks=3)
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        past = sum(layer.kernel_size == (1, 1) for layer in convolutions)
        return len(convolutions) - past, past, sum(isinstance(layer, keras.layers.Add) for layer in model.layers)

    assert counted("residual") == (5 + 6 * 3, 2, 8)
    assert counted("plain") == (5 + 6 * 3, 0, 0)


def test_an_unknown_variant_is_refused() -> None:
    preset = RESIDUAL.presets["smoke"]
    data = RESIDUAL.load(preset, 0, None)
    with pytest.raises(ValueError, match="variant is residual or plain, not deep"):
        RESIDUAL.build(data, type(preset)(**{**vars(preset), "options": {**preset.options, "variant": "deep"}}))
