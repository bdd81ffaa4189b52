"""Three branches to one price: their joining, euros out of the graph, and padding that changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.zoo import clothing_price
from models.zoo.clothing_price import BRANCHES
from tests.integration.garment_rows import SIZES, inputs, price
from training.experiments import joint_modalities
from training.recipes.clothing_price import RECIPE, mirrored


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    return clothing_price.build(SIZES, mean=3.0, deviation=0.8)


def test_three_branches_of_their_own_kinds_are_joined(model: Any) -> None:
    assert [(each.name, each.shape[1:]) for each in model.inputs] == [
        ("metadata", (33,)),
        ("description", (None,)),
        ("photo", (32, 32, 3)),
    ]
    joined = next(layer for layer in model.layers if isinstance(layer, keras.layers.Concatenate))
    assert [each.shape[1:] for each in joined.input] == [(SIZES.dense,)] * 3
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("Conv1D"), kinds.count("Conv2D"), kinds.count("Dense")) == (1, 4, 5)
    assert list(model.output) == ["price"]


@pytest.mark.parametrize("names", joint_modalities.PARTS)
def test_a_part_of_the_inputs_makes_a_model(names: tuple[str, ...]) -> None:
    part = clothing_price.build(SIZES, branches=names)

    assert [each.name for each in part.inputs] == list(names)
    assert np.asarray(part({name: inputs()[name] for name in names})["price"]).shape == (4, 1)


def test_every_branch_moves_the_price(model: Any) -> None:
    one, other = inputs(0), inputs(1)
    before = price(model, one)

    for name in BRANCHES:
        assert np.abs(price(model, {**one, name: other[name]}) - before).max() > 1e-3, name


def test_the_graph_answers_euros_around_the_mean_logarithm(model: Any) -> None:
    answers = price(model, inputs(2))

    assert answers.min() > 0
    assert np.log(answers).mean() == pytest.approx(3.0, abs=1.0)


def test_padding_behind_a_description_changes_nothing(model: Any) -> None:
    """One word, two, three, and many, alone and in one batch with a text that is far longer."""
    random = np.random.default_rng(3)
    lengths = (1, 2, 3, 7, 40, 900)
    texts = [random.integers(1, 50, length).astype(np.int32) for length in lengths]
    rest = {name: np.repeat(values[:1], len(texts), 0) for name, values in inputs(3).items() if name != "description"}
    for width in (900, 911, 2_000):
        batch = np.zeros((len(texts), width), np.int32)
        for place, text in zip(batch, texts, strict=True):
            place[: len(text)] = text
        together = price(model, {**rest, "description": batch})
        for number, text in enumerate(texts):
            alone = {name: values[:1] for name, values in rest.items()} | {"description": text[None]}
            np.testing.assert_allclose(together[number], price(model, alone)[0], rtol=1e-5, atol=1e-5)
    assert np.diff(np.sort(together.ravel())).min() > 5e-4


def test_a_file_is_read_without_code_of_ours(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "graph.keras")
    again = keras.models.load_model(tmp_path / "graph.keras", safe_mode=True)

    assert [each.name for each in again.inputs] == list(BRANCHES)
    np.testing.assert_allclose(price(again, inputs()), price(model, inputs()), rtol=1e-6)


def test_half_of_the_photos_are_mirrored() -> None:
    before = inputs(4, count=200)
    after = mirrored(dict(before), np.random.default_rng(0))

    turned = [np.array_equal(new, old[:, ::-1]) for new, old in zip(after["photo"], before["photo"], strict=True)]
    kept = [np.array_equal(new, old) for new, old in zip(after["photo"], before["photo"], strict=True)]
    assert sum(turned) + sum(kept) == 200
    assert 60 < sum(turned) < 140
    assert after["metadata"] is before["metadata"]
    assert mirrored({"metadata": before["metadata"]}, np.random.default_rng(0)).keys() == {"metadata"}


def test_the_recipe_feeds_the_graph() -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    built = RECIPE.build(data, RECIPE.presets["smoke"])

    for declared, tensor in zip(data.signature.inputs, built.inputs, strict=True):
        assert declared.name == tensor.name
        assert declared.spec.shape == tensor.shape[1:]
        assert declared.spec.dtype == tensor.dtype
    assert data.signature.heads[0].unit == "EUR"
    assert all(len(str(example["photo"])) < 6_000 for example in data.golden)


def test_parts_keep_the_examples() -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    part = joint_modalities.only(data, ("photo",))

    assert part.signature.input_names == tuple(part.train.inputs) == ("photo",)
    assert part.train.inputs["photo"] is data.train.inputs["photo"]
    assert part.held_out.targets is data.held_out.targets
    assert [each.name for each in RECIPE.build(part, RECIPE.presets["smoke"]).inputs] == ["photo"]


@pytest.mark.slow
def test_the_experiment_trains_every_part_and_knows_the_best_there_is() -> None:
    figures = joint_modalities.run("smoke", 0)

    found = {str(row[0]): float(row[1]) for row in figures.rows}
    assert found["the first model, without the photo"] != found[" + ".join(BRANCHES)]
    assert list(found)[: len(joint_modalities.PARTS)] == [" + ".join(names) for names in joint_modalities.PARTS]
    assert found["the rule itself"] < 0.2 * found["nothing: the median"]
    assert all(np.isfinite(error) and error > found["the rule itself"] for error in list(found.values())[:-1])
