"""Signatures: names in declared order, looked up by name, refused when they contradict themselves."""

from __future__ import annotations

import msgspec
import pytest

from models.signature import Head, Input, Signature, TensorSpec

PIXELS = Input(name="pixels", spec=TensorSpec("float32", (2,)))
WORDS = Input(name="a_words", spec=TensorSpec("int32", (None,)))
AGE = Head(name="z_age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years")
SEX = Head(name="gender", spec=TensorSpec("float32", (1,)), kind="binary", labels=("male", "female"))


def test_names_stand_in_declared_order_also_after_json() -> None:
    signature = Signature((PIXELS, WORDS), (AGE, SEX))

    again = msgspec.json.decode(msgspec.json.encode(signature), type=Signature)

    assert again == signature
    assert again.input_names == ("pixels", "a_words")
    assert again.head_names == ("z_age", "gender")


def test_inputs_and_heads_are_found_by_name() -> None:
    signature = Signature((PIXELS, WORDS), (AGE, SEX))

    assert signature.input("a_words") is WORDS
    assert signature.head("gender") is SEX
    with pytest.raises(KeyError):
        signature.head("income")


def test_an_open_side_makes_a_tensor_ragged() -> None:
    assert WORDS.spec.is_ragged
    assert not PIXELS.spec.is_ragged


@pytest.mark.parametrize(
    ("inputs", "heads", "complaint"),
    [((), (AGE,), "needs inputs"), ((WORDS,), (), "needs heads"), ((WORDS, WORDS), (AGE,), "named twice: a_words")],
)
def test_a_signature_without_or_with_double_names_is_refused(
    inputs: tuple[Input, ...], heads: tuple[Head, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Signature(inputs, heads)


def test_labels_must_fit_the_head() -> None:
    with pytest.raises(ValueError, match="exactly two labels"):
        Head(name="gender", spec=TensorSpec("float32", (1,)), kind="binary", labels=("one",))
    with pytest.raises(ValueError, match="2 labels for a tensor of shape"):
        Head(name="room", spec=TensorSpec("float32", (3,)), kind="classes", labels=("kitchen", "garden"))
