"""One Xception for two cameras: counted once, called twice, its maps side by side; metres come out of the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.zoo import stereo_depth
from models.zoo.stereo_depth import BASE_PARAMETERS, CHAPTER_SIDE, SMALLEST_SIDE
from training.recipe import Data, Preset
from training.recipes.stereo_depth import RECIPE, examples, load

SIDE = SMALLEST_SIDE


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    built = stereo_depth.build(SIDE, mean=2.0, deviation=0.5, momentum=0.9)
    head = next(layer for layer in built.layers if isinstance(layer, keras.layers.Dense))
    head.set_weights([np.random.default_rng(0).normal(scale=1e4, size=(4_096, 1)), np.zeros(1)])  # fresh maps are faint
    return built


def test_the_chapters_size_is_the_default() -> None:
    built = stereo_depth.build()

    assert [(each.name, each.shape[1:]) for each in built.inputs] == [
        ("left", (CHAPTER_SIDE, CHAPTER_SIDE, 3)),
        ("right", (CHAPTER_SIDE, CHAPTER_SIDE, 3)),
    ]
    merged = built.get_layer("both_cameras")
    assert [each.shape[1:] for each in merged.input] == [(8, 8, 2_048), (8, 8, 2_048)]
    assert merged.output.shape[1:] == (8, 8, 4_096)
    assert built.output["distance"].shape == (None, 1)


def test_the_base_is_counted_once(model: Any) -> None:
    bases = [layer for layer in model.layers if isinstance(layer, keras.Model)]

    assert [base.count_params() for base in bases] == [BASE_PARAMETERS]
    assert BASE_PARAMETERS == 20_861_480
    assert model.count_params() == BASE_PARAMETERS + 2 * 2_048 + 1


def test_both_cameras_go_through_the_same_base(model: Any) -> None:
    """The same photo gives the same map on either side: halves of one concatenation."""
    merged = keras.Model(model.inputs, model.get_layer("both_cameras").output)
    photo, other = photos(0, 2)

    one, swapped = np.asarray(merged([photo, other])), np.asarray(merged([other, photo]))

    np.testing.assert_allclose(one[..., :2_048], swapped[..., 2_048:], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(one[..., 2_048:], swapped[..., :2_048], rtol=1e-3, atol=1e-8)
    assert np.abs(one[..., :2_048] - one[..., 2_048:]).max() > 1e-5


def test_the_answer_is_a_number_from_the_left_plus_a_number_from_the_right(model: Any) -> None:
    """What pooling and a linear head can make of two photos; see the note in the recipe."""
    a, b, c, d = photos(1, 4)

    def answer(left: Any, right: Any) -> float:
        return float(np.asarray(model({"left": left, "right": right})["distance"])[0, 0])

    assert answer(a, b) - answer(c, b) == pytest.approx(answer(a, d) - answer(c, d), abs=1e-3)
    assert abs(answer(a, b) - answer(c, b)) > 0.01
    assert answer(a, b) != pytest.approx(answer(b, a), abs=1e-3)


def test_a_fresh_head_answers_the_mean() -> None:
    left, right = photos(2, 2)

    answer = stereo_depth.build(SIDE, mean=2.5, deviation=0.5)({"left": left, "right": right})

    assert np.asarray(answer["distance"]) == pytest.approx(2.5)


def test_the_momentum_is_that_of_every_normalisation(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "graph.keras")
    again = keras.models.load_model(tmp_path / "graph.keras", safe_mode=True)
    base = next(layer for layer in again.layers if isinstance(layer, keras.Model))
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    left, right = photos(3, 2)

    assert {norm.momentum for norm in norms} == {0.9}
    assert len(norms) == 40
    for built in (model, again):
        assert list(built({"left": left, "right": right})) == ["distance"]
    one, other = (np.asarray(built({"left": left, "right": right})["distance"]) for built in (model, again))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_recipe_feeds_the_graph() -> None:
    data = load(RECIPE.presets["smoke"], 0, None)

    assert [each.name for each in data.signature.inputs] == ["left", "right"]
    assert {each.spec.shape for each in data.signature.inputs} == {(SIDE, SIDE, 3)}
    assert data.signature.heads[0].unit == "metres"
    assert len(data.train) == RECIPE.presets["smoke"].examples
    assert all(len(text) < 6_000 for example in examples() for text in example.values())


def test_one_option_makes_it_the_chapters_size() -> None:
    smoke = RECIPE.presets["smoke"]
    preset = Preset(
        epochs=1, batch_size=2, examples=2, held_out=2, options={**smoke.options, "side": CHAPTER_SIDE}
    )  # fmt: skip

    data: Data = load(preset, 0, None)

    assert {each.spec.shape for each in data.signature.inputs} == {(CHAPTER_SIDE, CHAPTER_SIDE, 3)}
    assert np.asarray(data.train.inputs["left"]).shape == (2, CHAPTER_SIDE, CHAPTER_SIDE, 3)
    assert [each.shape[1] for each in RECIPE.build(data, preset).inputs] == [CHAPTER_SIDE] * 2


def photos(seed: int, count: int) -> list[Any]:
    random = np.random.default_rng(seed)
    return [random.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(count)]
