"""Bodies to rows, heads to answers, and everything a caller can get wrong."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from models.preprocessing import Numbers, Preprocessing, Text, save_tokenizer
from models.signature import Head, Input, Signature, TensorSpec
from service.codec.nested_json import ModelCodec
from service.errors import InvalidInput

SIGNATURE = Signature(
    (
        Input(name="text", spec=TensorSpec("int32", (None,)), example="mary went"),
        Input(name="pixels", spec=TensorSpec("float32", (2,))),
    ),
    (
        Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years"),
        Head(name="room", spec=TensorSpec("float32", (2,)), kind="classes", labels=("kitchen", "garden")),
        Head(name="sure", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes")),
        Head(name="plain", spec=TensorSpec("float32", (2,))),
    ),
)
GOOD = {"text": "mary", "pixels": [1, 16]}
TEXT = "text of 1 to 50 characters, or 1 to 4 token ids below 3"
PIXELS = "float32 numbers of shape [2] from 0 to 16"


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> ModelCodec:
    folder = tmp_path_factory.mktemp("artifact")
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "mary": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    save_tokenizer(tokenizer, folder / "words.json")
    preprocessing: dict[str, Preprocessing] = {"text": Text("words.json", 3, 4, 50), "pixels": Numbers(0, 16, 1 / 16)}
    return ModelCodec("my-model", SIGNATURE, preprocessing, folder)


def decode(codec: ModelCodec, body: Any) -> Any:
    return codec.decode(body if isinstance(body, bytes) else json.dumps(body).encode())


def problems(codec: ModelCodec, body: Any) -> list[tuple[str | None, int | None, str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        decode(codec, body)
    return [(each.input, each.row, each.expected, each.got) for each in refusal.value.problems]


def test_one_example(codec: ModelCodec) -> None:
    call = decode(codec, {"inputs": GOOD})
    (row,) = call.rows
    np.testing.assert_array_equal(row["text"], np.array([2], np.int32), strict=True)
    np.testing.assert_array_equal(row["pixels"], np.array([1 / 16, 1], np.float32), strict=True)
    assert (call.heads, call.raw, call.many) == (("age", "room", "sure", "plain"), False, False)


def test_token_ids_stand_for_text(codec: ModelCodec) -> None:
    assert decode(codec, {"inputs": GOOD | {"text": [2, 1]}}).rows[0]["text"].tolist() == [2, 1]


def test_heads_come_in_declared_order(codec: ModelCodec) -> None:
    assert decode(codec, {"inputs": GOOD, "heads": ["room", "age", "room"]}).heads == ("age", "room")


def test_many_with_shared_values_encodes_the_shared_one_once(codec: ModelCodec) -> None:
    call = decode(codec, {"instances": [{"text": "mary"}, {"text": [1]}], "shared": {"pixels": [0, 16]}})
    assert [row["text"].tolist() for row in call.rows] == [[2], [1]]
    assert call.rows[0]["pixels"] is call.rows[1]["pixels"]
    assert call.many


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, [("text", TEXT, "nothing"), ("pixels", PIXELS, "nothing")]),
        (GOOD | {"tect": 1}, [("tect", "only the inputs text, pixels", "an unknown input 'tect'")]),
        (GOOD | {"text": ""}, [("text", TEXT, "empty text")]),
        (GOOD | {"text": "  "}, [("text", "text with at least one word", "text without any")]),
        (GOOD | {"text": 5}, [("text", TEXT, "the number 5")]),
        (GOOD | {"text": None}, [("text", TEXT, "null")]),
        (GOOD | {"text": []}, [("text", TEXT, "a list of 0")]),
        (GOOD | {"text": [1, 3]}, [("text", TEXT, "the number 3 at [1]")]),
        (GOOD | {"text": [1.0]}, [("text", TEXT, "the number 1.0 at [0]")]),
        (GOOD | {"text": [True]}, [("text", TEXT, "true at [0]")]),
        (GOOD | {"text": "x" * 51}, [("text", TEXT, "text of 51 characters")]),
        (GOOD | {"text": "mary " * 5}, [("text", "at most 4 tokens", "5 tokens")]),
        (GOOD | {"text": "\ud800"}, [("text", TEXT, "text '\\\\ud800'")]),
        (GOOD | {"pixels": [1]}, [("pixels", PIXELS, "a list of 1")]),
        (GOOD | {"pixels": [1, 2, 3]}, [("pixels", PIXELS, "a list of 3")]),
        (GOOD | {"pixels": [[1], 2]}, [("pixels", PIXELS, "a list of 1 at [0]")]),
        (GOOD | {"pixels": 1}, [("pixels", PIXELS, "the number 1")]),
        (GOOD | {"pixels": [1, "2"]}, [("pixels", PIXELS, "text '2' at [1]")]),
        (GOOD | {"pixels": [True, 2]}, [("pixels", PIXELS, "true at [0]")]),
        (GOOD | {"pixels": [-1, 16]}, [("pixels", PIXELS, "the number -1 at [0]")]),
        (GOOD | {"pixels": [0, 17]}, [("pixels", PIXELS, "the number 17 at [1]")]),
        (GOOD | {"pixels": [float("nan"), 1]}, [("pixels", PIXELS, "not a finite number at [0]")]),
        (GOOD | {"pixels": [1, float("-inf")]}, [("pixels", PIXELS, "not a finite number at [1]")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_input_is_told(codec: ModelCodec, inputs: Any, expected: Any) -> None:
    assert problems(codec, {"inputs": inputs}) == [(name, None, wanted, got) for name, wanted, got in expected]
    in_a_batch = problems(codec, {"instances": [GOOD, inputs]})
    assert in_a_batch == [(name, 1, wanted, got) for name, wanted, got in expected]


@pytest.mark.parametrize(
    ("body", "expected", "got"),
    [
        (b"", "a JSON object", "an empty body"),
        (b'{"a"', "a JSON object", "Expecting ':' delimiter: line 1 column 5 (char 4)"),
        (b"[1]", "a JSON object", "a list of 1"),
        (b"\xff", "JSON in UTF-8", "the byte 0xff at 0"),
        (b"[" * 200_000, "JSON of reasonable depth", "nesting too deep to read"),
        (b"1" * 5000, "numbers of a size that can be read", "an integer of thousands of digits"),
        ({}, 'either "inputs" (one example) or "instances" (many)', "the keys of an empty object"),
        ({"inputs": GOOD, "instances": [GOOD]}, 'either "inputs" (one example) or "instances" (many)', "both"),
        ({"instances": []}, "at least one in 'instances'", "an empty list"),
        ({"inputs": GOOD, "heads": []}, "at least one in 'heads'", "an empty list"),
        ({"inputs": GOOD, "heads": ["agee"]}, "'heads' among 'age', 'room', 'sure' or 'plain'", "unknown text 'agee'"),
        ({"inputs": [1]}, "an object of inputs by name", "a list of 1"),
        ({"inputs": GOOD, "raw": 1}, "'raw': input should be a valid boolean", "the number 1"),
        ({"inputs": GOOD, "non_finite": "nan"}, "'non_finite' among 'error' or 'null'", "unknown text 'nan'"),
        ({"inputs": GOOD, "non_finite": None}, "'non_finite' among 'error' or 'null'", "unknown null"),
        (
            {"inputs": GOOD, "head": []},
            'only the keys "inputs" or "instances", "shared", "heads", "raw", "non_finite"',
            "an unknown key 'head'",
        ),
    ],
)
def test_what_is_wrong_with_the_body_is_told(codec: ModelCodec, body: Any, expected: str, got: str) -> None:
    assert problems(codec, body) == [(None, None, expected, got)]


def test_a_key_given_twice_is_refused(codec: ModelCodec) -> None:
    body = b'{"inputs": {"text": "a", "text": "b", "pixels": [1, 2]}}'
    assert problems(codec, body) == [("text", None, "each key once", "the key 'text' twice")]


def test_shared_and_own_values_must_not_both_be_given(codec: ModelCodec) -> None:
    told = problems(codec, {"instances": [GOOD], "shared": {"pixels": [1, 2]}})
    assert told == [("pixels", 0, 'a value in the instance or in "shared"', "both")]
    assert problems(codec, {"instances": [GOOD], "shared": {"pixels": None}}) == [("pixels", None, PIXELS, "null")]


def test_a_thousand_bad_rows_are_told_in_a_few_lines(codec: ModelCodec) -> None:
    told = problems(codec, {"instances": [GOOD | {"text": ""}] * 1000})
    assert len(told) == 21
    assert told[-1][3] == "980 more"
    told = problems(codec, {"instances": [{"text": "mary"}] * 1000})
    assert (len(told), told[-1][3]) == (21, "980 more")


def test_more_rows_or_heads_than_could_ever_be_are_not_looked_at(codec: ModelCodec) -> None:
    assert problems(codec, {"instances": [{}] * 100_000}) == [(None, None, "at most 1,024 in 'instances'", "100,000")]
    assert problems(codec, {"inputs": GOOD, "heads": ["age"] * 5}) == [(None, None, "at most 4 in 'heads'", "5")]


def test_what_callers_sent_is_repeated_in_short(codec: ModelCodec) -> None:
    (told,) = problems(codec, {"x" * 100_000: 1})
    assert len(told[3]) < 100


OUTPUTS: dict[str, Any] = {
    "age": np.array([[34.1]], np.float32),
    "room": np.array([[0.25, 0.75]], np.float32),
    "sure": np.array([[0.25]], np.float32),
    "plain": np.array([[1, 2]], np.float32),
}


def test_heads_answer_in_the_users_terms(codec: ModelCodec) -> None:
    reply = codec.encode(decode(codec, {"inputs": GOOD}), OUTPUTS)
    said = reply["outputs"]
    assert list(reply) == ["outputs"]
    assert list(said) == ["age", "room", "sure", "plain"]
    assert said["age"] == {"value": np.float32(34.1), "unit": "years"}
    garden, kitchen = {"label": "garden", "probability": 0.75}, {"label": "kitchen", "probability": 0.25}
    assert said["room"] == garden | {"top": [garden, kitchen]}
    assert said["sure"] == {"label": "no", "probability": 0.75}
    assert said["plain"].tolist() == [1, 2]


def test_raw_answers_the_plain_tensors(codec: ModelCodec) -> None:
    reply = codec.encode(decode(codec, {"inputs": GOOD, "raw": True, "heads": ["sure", "room"]}), OUTPUTS)
    said = {name: tensor.tolist() for name, tensor in reply["outputs"].items()}
    assert said == {"room": [0.25, 0.75], "sure": [0.25]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["inputs", "instances", "shared", "heads", "raw", "text", "pixels"])
NEAR = st.recursive(
    JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=5) | st.lists(inner, max_size=3), max_leaves=8
)


@given(NEAR)
def test_any_json_is_a_call_or_is_refused_with_a_reason(codec: ModelCodec, body: Any) -> None:
    try:
        told = bool(decode(codec, body).rows)
    except InvalidInput as error:
        told = all(problem.expected and problem.got for problem in error.problems)
    assert told


@given(st.binary())
def test_any_bytes_are_a_call_or_are_refused(codec: ModelCodec, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        codec.decode(body)
