"""Files of word vectors, right and wrong, and the rows they give to a vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training.word_vectors import WordVectors, matrix, read

GLOVE = "the 1 0 0\n. 0 2 0\nnew york 0 0 3\nthe 9 9 9\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text(GLOVE, encoding="utf-8")
    return path


def test_a_text_file_is_read_the_first_of_a_word_counts(text: Path) -> None:
    found = read(text)
    assert found.words == ("the", ".", "new york")
    np.testing.assert_array_equal(found.vectors, np.diag([1, 2, 3]))
    assert found.vectors.dtype == np.float32


def test_an_npz_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "glove.npz"
    np.savez(path, words=np.array(["the", "cat"]), vectors=np.array([[1, 2], [3, 4]], np.float16))
    found = read(path)
    assert found.words == ("the", "cat")
    assert found.vectors.tolist() == [[1, 2], [3, 4]]
    assert found.vectors.dtype == np.float32
    assert found.width == 2


def test_the_line_that_word2vec_writes_first_is_no_word(text: Path) -> None:
    text.write_text("2 2\n3 .5 .25\nfour 1 1\n", encoding="utf-8")
    assert read(text).words == ("3", "four")


def test_frequent_words_are_taken_and_those_wanted(text: Path, tmp_path: Path) -> None:
    assert read(text, wanted={"new york", "absent"}, most=1).words == ("the", "new york")
    path = tmp_path / "glove.npz"
    np.savez(path, words=np.array(["a", "b", "c"]), vectors=np.eye(3))
    assert read(path, wanted={"c"}, most=1).words == ("a", "c")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no word vectors in it"),
        ("the 1 2\ncat 1\n", r"glove\.txt:2: expected a word and 2 numbers, got 'cat 1"),
        ("the 1 2\ncat one two\n", r"glove\.txt:2: expected 2 numbers behind the word"),
        ("the 1 2\ncat nan 2\n", "the vector of 'cat' is not of finite numbers"),
        ("just some prose\n", r"glove\.txt:1: expected 2 numbers"),
        ("word\n", r"glove\.txt:1: expected a word and 2 numbers"),
    ],
)
def test_a_text_file_of_something_else_is_refused(content: str, why: str, text: Path) -> None:
    text.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        read(text)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"tokens": np.array(["a"])}, "expected the arrays words and vectors, found tokens"),
        ({"words": np.array(["a"]), "vectors": np.zeros((2, 3))}, "a row for each word"),
        ({"words": np.array(["a"]), "vectors": np.zeros(1)}, "a row for each word"),
    ],
)
def test_an_npz_file_of_something_else_is_refused(arrays: dict[str, NDArray[Any]], why: str, tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(ValueError, match=why):
        read(path)


def test_rows_are_of_unit_length_and_zero_without_a_vector() -> None:
    known = WordVectors(("cat", "zero", "elsewhere"), np.array([[3, 4], [0, 0], [1, 1]], np.float32))
    rows = matrix(known, {"[PAD]": 0, "[UNK]": 1, "cat": 2, "dog": 3, "zero": 4})
    expected = np.array([[0, 0], [0, 0], [0.6, 0.8], [0, 0], [0, 0]], np.float32)
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
