"""Both graphs of sentence similarity: sizes, shared weights, symmetry, padding, saving; and the recipe around them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models.zoo.sentence_similarity import CHAPTER_WIDTH, UNKNOWN, build
from training.batches import encode_columns
from training.evaluation import evaluate
from training.experiments import sharing, symmetry
from training.fit import fit
from training.recipe import Data, Preset
from training.recipes.sentence_similarity import EXAMPLES, RECIPE, TOKENIZER

SMALL: dict[str, Any] = {"vocabulary": 40, "width": 8, "projection": 6, "hidden": 5}
LENGTHS = ((1, 1), (2, 1), (1, 60), (60, 2), (5, 9), (12, 12))
STS_B = "news\tf\t2015\t1\t{}\t{}\t{}\n"
Ids = list[int]


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(3)
    built = build(**SMALL)
    for weight in built.trainable_variables:  # zeros hide mistakes
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.5))
    return built


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Ids, Ids]]:
    random = np.random.default_rng(0)
    drawn = [tuple(random.integers(1, 40, length).tolist() for length in lengths) for lengths in LENGTHS]
    return [(left, right) for left, right in drawn]


def padded(rows: list[Ids], width: int = 0) -> NDArray[np.int32]:
    stacked = np.zeros((len(rows), max(width, *map(len, rows))), np.int32)
    for place, row in zip(stacked, rows, strict=True):
        place[: len(row)] = row
    return stacked


def answer(model: Any, left: NDArray[np.int32], right: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.asarray(model({"left": left, "right": right}, training=False)["similarity"], np.float32)[:, 0]


def alone(model: Any, left: Ids, right: Ids) -> float:
    return float(answer(model, padded([left, left]), padded([right, right]))[0])


def test_the_chapters_graph_has_the_chapters_parameters_and_its_lstm_once() -> None:
    model = build("chapter")

    assert model.count_params() == 20_673
    assert [each.shape for each in model.inputs] == [(None, None, 128)] * 2
    assert len([layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]) == 1


def test_swapping_the_sides_of_the_chapters_graph_changes_its_answer() -> None:
    keras.utils.set_random_seed(0)
    model = build("chapter")
    one, other = np.random.default_rng(0).normal(size=(2, 3, 7, CHAPTER_WIDTH)).astype(np.float32)
    there, back = (np.asarray(model({"left": a, "right": b})["similarity"]) for a, b in ((one, other), (other, one)))

    assert np.abs(there - back).min() > 1e-3


def test_both_sides_go_through_one_lstm_and_one_embedding(model: Any) -> None:
    for name in ("words", "importance", "projection", "lstm", "comparison"):
        assert len(model.get_layer(name)._inbound_nodes) == 2
    lstm = model.get_layer("lstm")
    assert lstm.units == 32
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("LSTM"), kinds.count("Embedding")) == (1, 2)
    assert len({id(weight) for weight in model.weights}) == len(model.weights) == 12
    assert model.count_params() == 40 * (8 + 1) + 8 * 6 + 4 * 32 * (6 + 32 + 1) + 5 * (12 + 1) + 5 * (86 + 1) + 6


def test_the_order_of_words_counts(model: Any, pairs: list[tuple[Ids, Ids]]) -> None:
    left, right = pairs[-1]
    assert abs(alone(model, left, right[::-1]) - alone(model, left, right)) > 1e-4


def test_swapping_the_sides_changes_nothing(model: Any, pairs: list[tuple[Ids, Ids]]) -> None:
    lefts, rights = padded([left for left, _ in pairs]), padded([right for _, right in pairs])
    np.testing.assert_allclose(answer(model, lefts, rights), answer(model, rights, lefts), atol=1e-6, rtol=0)
    for left, right in pairs:
        assert alone(model, left, right) == pytest.approx(alone(model, right, left), abs=1e-6)


@pytest.mark.parametrize("more", [0, 1, 140])
def test_pairs_answer_in_a_padded_batch_as_alone(more: int, model: Any, pairs: list[tuple[Ids, Ids]]) -> None:
    together = answer(
        model, padded([left for left, _ in pairs], 60 + more), padded([right for _, right in pairs], 60 + 2 * more)
    )
    assert np.ptp(together) > 1e-3
    for row, (left, right) in zip(together, pairs, strict=True):
        assert row == pytest.approx(alone(model, left, right), abs=1e-5, rel=1e-5)


def test_unknown_words_match_no_other_however_they_are_embedded(model: Any) -> None:
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    vectors = twin.get_layer("words").get_weights()[0]
    vectors[UNKNOWN] += 5.0
    twin.get_layer("words").set_weights([vectors])

    pair = alone(model, [3, UNKNOWN], [UNKNOWN, 4])

    assert alone(twin, [3, UNKNOWN], [UNKNOWN, 4]) == pytest.approx(pair, abs=1e-6), "they have no meaning"
    one, other = (features(model, words, words) for words in ([UNKNOWN, UNKNOWN], [3, 4]))
    assert not one.any(), "nothing of what is unknown is found on the other side"
    assert other.any()


def features(model: Any, left: list[int], right: list[int]) -> Any:
    """How well words are found on the other side, as the graph joins it to what the LSTM says: see `matched`."""
    joined = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.Concatenate) and len(layer.input) > 8
    )
    found = keras.Model(model.inputs, joined.input[2:-2])
    return np.concatenate(found({"left": np.array([left], "int32"), "right": np.array([right], "int32")}), axis=None)


def test_a_saved_graph_answers_the_same_in_a_process_without_our_code(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    left, right = [3, 4, 5], [6, 5, 4, 3, 0]
    code = f"""
import keras, numpy as np
model = keras.saving.load_model("model.keras", safe_mode=True, compile=False)
rows = {{"left": np.array([{left}], "int32"), "right": np.array([{right}], "int32")}}
np.save("answer.npy", np.asarray(model(rows)["similarity"])[0])
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert np.load(tmp_path / "answer.npy")[0] == pytest.approx(alone(model, left, right[:-1]), abs=1e-6)


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(ValueError, match="'default' and 'chapter', not 'large'"):
        build("large")  # type: ignore[arg-type]


def test_own_pairs_train_a_symmetric_model_on_words_that_learn() -> None:
    preset = RECIPE.presets["smoke"]
    data = RECIPE.load(preset, 0, None)
    model = fit(RECIPE, data, preset, seed=0)

    assert set(data.held_out.groups["kind"]) == {"same", "swapped", "changed", "unrelated"}
    assert model.get_layer("words").trainable
    assert 0 < evaluate(RECIPE, data, model).metrics["similarity/mean_absolute_error"] < 1
    said = texts(data, model, *EXAMPLES[0]), texts(data, model, *EXAMPLES[0][::-1])
    assert said[0] == pytest.approx(said[1], abs=1e-6)


def test_real_pairs_with_word_vectors_know_words_that_training_did_not_see(tmp_path: Path) -> None:
    preset, data = real(tmp_path)
    model = RECIPE.build(data, preset)
    numbers = data.tokenizers[TOKENIZER].get_vocab()
    words = model.get_layer("words").get_weights()[0]

    assert data.problems == ["sts-train.csv:2: expected a score from 0 to 5, got 'x'"]
    assert data.source == f"sentence pairs of {tmp_path.name}, word vectors of glove.vec"
    assert {"sings", "unseen"} <= numbers.keys()
    assert "two words" not in numbers
    np.testing.assert_allclose(words[numbers["unseen"]], [0.6, 0.8, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(words[numbers["sings"]], 0)
    assert not model.get_layer("words").trainable
    rarity = model.get_layer("importance").get_weights()[0][:, 0]
    assert rarity[numbers["a"]] < rarity[numbers["sings"]] < rarity[numbers["unseen"]]
    assert texts(data, model, "unseen", "unseen") != pytest.approx(texts(data, model, "gone", "gone"), abs=1e-4)


def real(folder: Path) -> tuple[Preset, Data]:
    """A folder in the layout of STS-B, and word vectors in GloVe's."""
    (folder / "glove.vec").write_text("a 1 0 0\nunseen 3 4 0\ntwo words 0 0 1\n", encoding="utf-8")
    lines = [STS_B.format(5, "A man sings.", "A man sings!"), STS_B.format("x", "a", "b"), STS_B.format(0, "A", "b")]
    (folder / "sts-train.csv").write_text("".join(lines), encoding="utf-8")
    (folder / "sts-dev.csv").write_text(STS_B.format(1, "One.", "Two."), encoding="utf-8")
    preset = RECIPE.presets["smoke"]
    preset = replace(preset, options={**preset.options, "word_vectors": str(folder / "glove.vec")})
    return preset, RECIPE.load(preset, 0, folder)


def texts(data: Data, model: Any, left: str, right: str) -> float:
    rows = encode_columns(data, {"left": [left], "right": [right]})
    return alone(model, rows["left"][0].tolist(), rows["right"][0].tolist())


@pytest.mark.slow
def test_the_experiments_measure_what_they_say() -> None:
    swapped = {str(row[0]): row[1:] for row in symmetry.run("smoke", 0).rows}
    shared = {str(row[0]): row[1:] for row in sharing.run("smoke", 0).rows}

    assert float(swapped["chapter: [l, r]"][1]) > 1e-4
    assert max(float(swapped[name][1]) for name in ("symmetric: |l−r|, l·r", "served")) < 1e-6
    assert shared["shared, 64 pairs"][0] == 20_673
    assert shared["two towers, 64 pairs"][0] == 20_673 + 20_608
