"""Encoders: what a caller writes becomes one row, or is refused with what was expected and what came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.preprocessing import InvalidValue, Numbers, Text, encoder, save_tokenizer
from models.signature import TensorSpec
from training.text import tokenizer_of

TEXT = Text(tokenizer="words.json", vocabulary_size=5, max_tokens=4, max_characters=30)


def text_encoder(tmp_path: Path):  # type: ignore[no-untyped-def]
    save_tokenizer(tokenizer_of(["mary", "went", "."]), tmp_path / "words.json")
    return encoder(TEXT, TensorSpec("int32", (None,)), tmp_path)


def test_text_becomes_ids_whatever_its_case(tmp_path: Path) -> None:
    row = text_encoder(tmp_path).encode("MARY went.")

    assert row.dtype == np.int32
    assert row.tolist() == [2, 3, 4]


def test_an_unknown_word_is_id_one(tmp_path: Path) -> None:
    assert text_encoder(tmp_path).encode("Zanzibar").tolist() == [1]


def test_token_ids_pass_as_they_are(tmp_path: Path) -> None:
    assert text_encoder(tmp_path).encode([4, 2]).tolist() == [4, 2]


@pytest.mark.parametrize(
    ("value", "expected", "got"),
    [
        ("", "at least one word", "without any"),
        (" \n", "at least one word", "without any"),
        ("mary " * 5, "at most 4 tokens", "5 tokens"),
        ("m" * 31, "at most 30 characters", "31 characters"),
        ("mary \ud800", "valid Unicode", "surrogate at character 5"),
    ],
)
def test_text_that_cannot_be_encoded_is_refused(tmp_path: Path, value: str, expected: str, got: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        text_encoder(tmp_path).encode(value)

    assert expected in refused.value.expected
    assert got in refused.value.got


def test_numbers_are_scaled_and_keep_their_dtype() -> None:
    row = encoder(Numbers(scale=1 / 16), TensorSpec("float32", (2, 2)), Path()).encode([[0, 16], [8, 4]])

    assert row.dtype == np.float32
    assert row.tolist() == [[0.0, 1.0], [0.5, 0.25]]


@pytest.mark.parametrize("value", [[1, 2], 3, [[1, 2], [3]], [[1, 2, 3], [4, 5, 6]]])
def test_numbers_of_another_shape_are_refused(value: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        encoder(Numbers(), TensorSpec("float32", (2, 2)), Path()).encode(value)

    assert refused.value.expected == "float32 numbers of shape [2, 2]"
