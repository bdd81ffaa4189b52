"""The signature of a SavedModel, from what it declares: names, order, default, refusals."""

import pytest

from models.signature import Padding, TensorSpec
from service.runtime.signatures import (
    Declared,
    better_names,
    chosen,
    in_order,
    keras_names,
    layers_of,
    read_signature,
)

X = Declared("x", "float32", (None, 3))
Y = Declared("y", "float32", (None, 2))


@pytest.mark.parametrize(
    ("names", "default"),
    [
        (["other", "serve", "serving_default"], "serving_default"),
        (["other", "serve"], "serve"),
        (["only"], "only"),
    ],
)
def test_the_default_signature(names: list[str], default: str) -> None:
    assert chosen(names) == default


@pytest.mark.parametrize(
    ("names", "words"), [([], "has no signature"), (["b", "a"], "has the signatures a, b, and none is serving_default")]
)
def test_without_a_default_nothing_is_guessed(names: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        chosen(names)


def test_another_signature_is_chosen_by_its_name() -> None:
    assert chosen(["serving_default", "embed"], "embed") == "embed"
    with pytest.raises(ValueError, match="has no signature 'other'; there are embed, serving_default"):
        chosen(["serving_default", "embed"], "other")


def test_names_are_ordered_as_declared_where_that_is_known_else_as_people_count() -> None:
    heads = [f"output_{number}" for number in (7, 10, 0, 1, 11, 2)]
    assert in_order(heads) == [f"output_{number}" for number in (0, 1, 2, 7, 10, 11)]
    assert in_order(["text", "meta"], [["text", "other"], ["text", "meta"]]) == ["text", "meta"]
    assert in_order(["b", "2", "a1", "a"]) == ["2", "a", "a1", "b"]


def test_one_row_is_what_follows_the_batch_axis() -> None:
    signature = read_signature([X, Declared("word", "string", (None,))], [Y, Declared("z", "bfloat16", (None, None))])
    assert signature.input("x").spec == TensorSpec("float32", (3,))
    assert signature.input("word").spec == TensorSpec("string", ())
    assert signature.head("z").spec == TensorSpec("float32", (None,))
    assert {each.padding.kind for each in signature.inputs} == {"exact"}


def test_a_batch_fixed_at_one_runs_rows_alone() -> None:
    signature = read_signature([Declared("x", "float32", (1, 3)), Y], [Declared("z", "float32", (1,))])
    assert [each.padding for each in signature.inputs] == [Padding("alone")] * 2
    assert signature.head("z").spec == TensorSpec("float32", ())


@pytest.mark.parametrize(
    ("inputs", "heads", "words"),
    [
        ([Declared("x", "float32", (32, 3))], [Y], "input 'x' takes exactly 32 rows at a time; export it with"),
        ([Declared("x", "float32", ())], [Y], "input 'x' has no batch dimension"),
        ([Declared("x", "float32", None)], [Y], "input 'x' has an unknown number of dimensions"),
        ([X], [Declared("y", "float32", ())], "head 'y' has no batch dimension"),
        ([X], [Declared("y", "complex64", (None,))], "head 'y' is a tensor of complex64, which is not served"),
        ([X], [], "1 inputs and 0 heads"),
        ([], [Y], "0 inputs and 1 heads"),
    ],
)
def test_what_cannot_be_served_row_by_row_is_refused(inputs: list[Declared], heads: list[Declared], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_signature(inputs, heads)


def test_keras_2_tells_the_order_of_a_list() -> None:
    told = keras_names({"input_layers": [["text", 0, 0], ["meta", 0, 0]], "output_layers": ["zeta", 0, 0]})
    assert told.orders == [["text", "meta"], ["zeta"]]
    assert better_names(["zeta"], told.heads) == {"zeta": "zeta"}


def test_keras_2_tells_the_names_of_a_dict() -> None:
    told = keras_names(
        {"input_layers": {"t": ["text", 0, 0]}, "output_layers": {"zeta": ["a", 0, 0], "x": ["b", 0, 0]}}
    )
    assert told.orders == [["text"], ["zeta", "x"]]
    assert better_names(["b", "a"], told.heads) == {"zeta": "a", "x": "b"}
    assert better_names(["b", "other"], told.heads) == {"b": "b", "other": "other"}


def test_a_configuration_of_another_kind_tells_nothing() -> None:
    assert layers_of(None) == {}
    assert keras_names({}).heads == {}
