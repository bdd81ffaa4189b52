"""Both graphs of question answering: sizes, saving, ways to feed them, and padding that changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models.zoo.question_answering import PERIOD, UNKNOWN, build
from training.frameworks import make_reproducible
from training.recipes.question_answering import words

SMALL: dict[str, dict[str, Any]] = {
    "chapter": {"vocabulary": 30, "answers": 5},
    "default": {"vocabulary": 30, "answers": 5, "width": 16, "sentences": 8},
}
Ids = list[int]


@pytest.fixture(params=["chapter", "default"])
def model(request: pytest.FixtureRequest) -> Any:
    return small(request.param)


@pytest.fixture
def reader() -> Any:
    """The graph that knows sentences."""
    return small("default")


def small(variant: Any) -> Any:
    keras.utils.set_random_seed(3)
    built = build(variant, **SMALL[variant])
    for weight in built.trainable_variables:  # ones and zeros hide mistakes
        weight.assign(weight + keras.random.normal(weight.shape, stddev=0.2))
    return built


def answer(model: Any, text: Ids, question: Ids) -> NDArray[np.float32]:
    rows = {"text": np.array([text], np.int32), "question": np.array([question], np.int32)}
    row: NDArray[np.float32] = np.asarray(model(rows, training=False)["answer"], np.float32)[0]
    return row


def story(sentences: int, seed: int = 0) -> Ids:
    random = np.random.default_rng(seed)
    words = [[*random.integers(3, 30, random.integers(1, 8)).tolist(), PERIOD] for _ in range(sentences)]
    return [word for sentence in words for word in sentence]


def test_the_chapters_graph_has_the_chapters_parameters() -> None:
    model = build("chapter")
    assert model.count_params() == 1_000_052
    assert [each.name for each in model.inputs] == ["text", "question"]
    assert {head: each.shape for head, each in model.output.items()} == {"answer": (None, 500)}


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(ValueError, match="'default' and 'chapter', not 'large'"):
        build("large")  # type: ignore[arg-type]


def test_a_saved_graph_answers_the_same_in_a_process_without_our_code(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    text, question = story(5), story(1, seed=1)
    code = f"""
import keras, numpy as np
model = keras.saving.load_model("model.keras", safe_mode=True, compile=False)
rows = {{"text": np.array([{text}], "int32"), "question": np.array([{question}], "int32")}}
np.save("answer.npy", np.asarray(model(rows)["answer"])[0])
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), answer(model, text, question), atol=1e-6)


@pytest.mark.parametrize("variant", ["chapter", "default"])
def test_fit_by_list_and_by_dictionary_give_the_same_training(variant: Any) -> None:
    random = np.random.default_rng(0)
    text, question = random.integers(1, 30, (24, 12)), random.integers(1, 30, (24, 4))
    right = random.integers(0, 5, 24)
    trained = []
    for rows in ([text, question], {"question": question, "text": text}):
        make_reproducible(1)  # unordered sums would differ in the last bit
        model = build(variant, **SMALL[variant])
        model.compile("adam", {"answer": "sparse_categorical_crossentropy"})
        model.fit(rows, {"answer": right}, epochs=2, batch_size=8, verbose=0)
        trained.append(model.get_weights())
    for by_list, by_dictionary in zip(*trained, strict=True):
        np.testing.assert_array_equal(by_list, by_dictionary)


@pytest.mark.parametrize("zeros", [1, 7, 200])
@pytest.mark.parametrize("sentences", [1, 12])
def test_zeros_on_the_right_change_nothing(model: Any, sentences: int, zeros: int) -> None:
    text, question = story(sentences), story(1, seed=2)
    alone = answer(model, text, question)
    pad = [0] * zeros
    for padded in ((text + pad, question), (text, question + pad), (text + pad, question + pad)):
        np.testing.assert_allclose(answer(model, *padded), alone, atol=1e-5, rtol=1e-5)


def test_rows_of_different_length_answer_in_a_batch_as_alone(model: Any) -> None:
    texts, questions = [story(n, seed=n) for n in (1, 4, 9)], [[4], story(1, seed=3), [UNKNOWN, UNKNOWN]]
    rows = {"text": np.zeros((3, 90), np.int32), "question": np.zeros((3, 12), np.int32)}
    for row, (text, question) in enumerate(zip(texts, questions, strict=True)):
        rows["text"][row, : len(text)] = text
        rows["question"][row, : len(question)] = question
    together = np.asarray(model(rows, training=False)["answer"])
    for row, (text, question) in enumerate(zip(texts, questions, strict=True)):
        np.testing.assert_allclose(together[row], answer(model, text, question), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("text", [[5], [UNKNOWN], [PERIOD], [PERIOD, PERIOD, PERIOD], [5, PERIOD, 6]])
def test_the_shortest_texts_are_answered(model: Any, text: Ids) -> None:
    probabilities = answer(model, text, [UNKNOWN])
    assert np.isfinite(probabilities).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_the_tokenizer_gives_a_period_the_id_that_the_graph_expects() -> None:
    assert words(["Mary left. John stayed."]).token_to_id(".") == PERIOD


def test_periods_only_separate_sentences(reader: Any) -> None:
    plain = answer(reader, [5, 6, PERIOD, 7, 8], [9])
    dotted = answer(reader, [PERIOD, 5, 6, PERIOD, PERIOD, PERIOD, 7, 8, PERIOD], [9, PERIOD])
    np.testing.assert_allclose(dotted, plain, atol=1e-6)


def test_the_order_of_words_and_of_sentences_counts(reader: Any) -> None:
    plain = answer(reader, [5, 6, PERIOD, 7, 8], [9, 10])
    for other in ([6, 5, PERIOD, 7, 8], [7, 8, PERIOD, 5, 6], [5, 6, 7, 8]):
        assert np.abs(answer(reader, other, [9, 10]) - plain).max() > 1e-4
    assert np.abs(answer(reader, [5, 6, PERIOD, 7, 8], [10, 9]) - plain).max() > 1e-4


def test_of_a_long_text_the_last_sentences_are_read(reader: Any) -> None:
    last = story(8, seed=4)
    np.testing.assert_allclose(answer(reader, story(30) + last, [9]), answer(reader, last, [9]), atol=1e-6)
