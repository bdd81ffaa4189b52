"""The two-headed bag of words: its size, its heads, its independence of padding and order, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.zoo import book
from training.experiments import joint_heads

VOCABULARY, GENRES, WIDTH = 200, 7, 8
WEIGHTS = np.linspace(1.0, 5.0, VOCABULARY)


def built(**more: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return book.build(word_weights=WEIGHTS, genres=GENRES, sizes=book.Sizes(width=WIDTH), **more)


def answer(model: keras.Model, batch: Any) -> dict[str, Any]:
    found = model({"text": np.asarray(batch, np.int32)}, training=False)
    return {head: np.asarray(found[head]) for head in found}


def test_names_shapes_and_parameters() -> None:
    model = built()
    assert [each.name for each in model.inputs] == ["text"]
    assert list(model.output) == ["genre", "year"]
    assert {head: tensor.shape for head, tensor in model.output.items()} == {"genre": (None, 7), "year": (None, 1)}
    shared = (VOCABULARY + 1) * WIDTH
    straight = (VOCABULARY + 1) * (GENRES + 1)
    heads = (WIDTH + 1) * (GENRES + 1)
    assert model.count_params() == VOCABULARY + shared + straight + heads
    assert sum(int(np.prod(each.shape)) for each in model.trainable_weights) == shared + straight + heads


@pytest.mark.parametrize("head", ["genre", "year"])
def test_one_head_alone_is_the_same_tower(head: str) -> None:
    model = built(heads=(head,))
    assert list(model.output) == [head]
    assert model.get_layer("shared").get_weights()[0].shape == (VOCABULARY, WIDTH)


def test_padding_changes_nothing() -> None:
    """Lengths from 1 to 60, and one far longer than the others, alone and in one batch."""
    model = built()
    random = np.random.default_rng(0)
    rows = [random.integers(1, VOCABULARY, length) for length in (1, 2, 3, 10, 60, 3_000)]
    batch = np.zeros((len(rows), 3_333), np.int32)
    for place, row in zip(batch, rows, strict=True):
        place[: len(row)] = row
    together = answer(model, batch)
    for number, row in enumerate(rows):
        for head, alone in answer(model, row[None]).items():
            np.testing.assert_allclose(together[head][number : number + 1], alone, rtol=1e-5, atol=1e-5)
    assert np.ptp(together["year"]) > 0.1


def test_the_order_of_words_does_not_matter_and_their_number_does() -> None:
    model = built()
    one, other, more = (answer(model, [words]) for words in ([5, 6, 7], [7, 5, 6], [5, 6, 7, 7]))
    np.testing.assert_allclose(one["genre"], other["genre"], rtol=1e-5)
    assert np.abs(one["genre"] - more["genre"]).max() > 1e-4


def test_a_text_without_a_known_word_gets_the_answer_for_no_words() -> None:
    """Not NaN, which a vector of zeros brought to length one could give."""
    model = book.build(word_weights=np.where(np.arange(VOCABULARY) < 2, 0.0, WEIGHTS), genres=GENRES, middle_year=1777)
    found = answer(model, [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(found["year"], 1777.0)
    np.testing.assert_allclose(found["genre"], 1 / GENRES, rtol=1e-5)


def test_the_bag_is_the_root_of_the_counts_times_the_weights_at_length_one() -> None:
    model = built()
    bag = keras.Model(model.input, model.get_layer("bag").output)
    found = np.asarray(bag({"text": np.array([[3, 3, 3, 9, 0, 0]], np.int32)}))[0]
    expected = np.zeros(VOCABULARY)
    expected[[3, 9]] = np.sqrt(3) * WEIGHTS[3], WEIGHTS[9]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-5)


def test_training_leaves_the_word_weights_as_they_are_and_moves_both_heads() -> None:
    model = built(middle_year=1800.0)
    random = np.random.default_rng(1)
    texts = random.integers(2, VOCABULARY, (64, 12)).astype(np.int32)
    targets = {"genre": random.integers(0, GENRES, 64), "year": random.uniform(1700, 1900, (64, 1)).astype(np.float32)}
    before = {layer.name: [each.copy() for each in layer.get_weights()] for layer in model.layers}
    model.compile("adam", {"genre": "sparse_categorical_crossentropy", "year": "mae"})
    model.fit({"text": texts}, targets, epochs=1, verbose=0)
    moved = {
        layer.name: any(np.abs(a - b).max() > 0 for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
        for layer in model.layers
        if before[layer.name]
    }
    assert not moved.pop("word_weights")
    assert len(moved) == 5
    assert all(moved.values())


def test_its_file_loads_in_safe_mode_and_answers_alike(tmp_path: Path) -> None:
    model = built(middle_year=1850.0, years=30.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    batch = np.random.default_rng(2).integers(0, VOCABULARY, (5, 30))
    one, other = answer(model, batch), answer(loaded, batch)
    assert set(one) == set(other) == {"genre", "year"}
    for head in one:
        np.testing.assert_allclose(one[head], other[head], rtol=1e-6)


@pytest.mark.slow
def test_the_experiment_compares_a_joint_model_with_two_separate_ones() -> None:
    figures = joint_heads.run("smoke", 0)
    rows = {str(row[0]): row for row in figures.rows}
    assert {"genre/accuracy", "year/mean_absolute_error", "parameters"} <= set(rows)
    _, passages, _, joint, separate, _ = rows["parameters"]
    assert passages == 100
    assert isinstance(joint, int)
    assert isinstance(separate, int)
    assert joint < separate < 2 * joint  # the words' weights and the hidden layer are there once, not twice
