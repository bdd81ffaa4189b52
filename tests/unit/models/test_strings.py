"""Strings of a tensor: JSON to bytes and back, nothing lost."""

from typing import Any

import numpy as np
import pytest

from models.preprocessing import InvalidValue, Numbers, describe, encoder
from models.signature import TensorSpec
from models.strings import to_json
from models.tensors import OBJECT, blank, rows_of, size_in_bytes


def encoded(value: object, *shape: int | None) -> Any:
    from pathlib import Path

    return encoder(Numbers(), TensorSpec("string", shape), Path()).encode(value)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("é", "é".encode()), ("", b""), ("end\0\0", b"end\0\0"), ({"b64": "/wA="}, b"\xff\0"), ({"b64": ""}, b"")],
)
def test_one_string_is_an_array_without_axes(value: object, bytes_: bytes) -> None:
    row = encoded(value)
    assert (row.shape, row.dtype, row.item()) == ((), OBJECT, bytes_)


def test_lists_of_them_have_a_shape() -> None:
    row = encoded([["a", {"b64": "gA=="}], ["b\0", ""]], 2, None)
    assert row.shape == (2, 2)
    assert row.tolist() == [[b"a", b"\x80"], [b"b\0", b""]]


@pytest.mark.parametrize(
    ("value", "shape", "words"),
    [
        (["a"], (2,), r"expected strings of shape \[2\], each text, or .*, got shape \[1\]"),
        ([["a"], ["b", "c"]], (None, None), "got "),
        ([["a"], "b"], (None, None), "got "),
        ("\ud800", (), "lone surrogate at character 0"),
        ({"b64": "?"}, (), "base64"),
        ({"b64": "é"}, (), "base64"),
    ],
)
def test_what_is_no_such_tensor_is_refused(value: object, shape: tuple[int | None, ...], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        encoded(value, *shape)


def test_bytes_that_are_no_text_come_back_as_they_were_sent() -> None:
    values = ["é", "end\0", {"b64": "/wA="}]
    assert to_json(encoded(values, None)) == values
    assert to_json(encoded("a")) == "a"


def test_rows_are_arrays_and_blanks_are_empty() -> None:
    batch = blank((2,), OBJECT)
    batch[1] = b"abc"
    assert [row.tolist() for row in rows_of(batch)] == [b"", b"abc"]
    assert all(isinstance(row, np.ndarray) for row in rows_of(batch))
    assert size_in_bytes(batch) == batch.nbytes + 3
    assert blank((2,), np.dtype("int32")).tolist() == [0, 0]


def test_words() -> None:
    assert describe(TensorSpec("string", ())) == 'text, or {"b64": bytes in base64}'
