"""Figures worked out by hand, and numpy's on all rows at once."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.signature import Head, Input, Signature, TensorSpec
from service.comparison import EPSILON, Agreement, Comparison, Differences, NotCompared

AGE = Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years")
SURE = Head(name="sure", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes"))
ROOM = Head(name="room", spec=TensorSpec("float32", (3,)), kind="classes", labels=("kitchen", "garden", "office"))
PLAIN = Head(name="plain", spec=TensorSpec("float32", (None, 2)))


def signature(*heads: Head) -> Signature:
    return Signature((Input(name="x", spec=TensorSpec("float32", (1,))),), heads)


def rows(*values: Any) -> list[NDArray[Any]]:
    return [np.array(value, np.float32) for value in values]


def compare(head: Head, ours: list[NDArray[Any]], theirs: list[NDArray[Any]], other: Head | None = None) -> Any:
    comparison = Comparison(signature(head), signature(other or head))
    comparison.add({head.name: ours}, {head.name: theirs})
    (told,) = comparison.compared().heads
    return told


def test_a_number_differs_in_its_unit() -> None:
    told = compare(AGE, rows([30], [40], [50]), rows([31], [38], [53]))
    assert told == Differences("age", "regression", "years", 3, 0, 0, 0, 2.0, 3.0, 2 / 3)


def test_a_binary_head_is_a_distribution_of_two() -> None:
    told = compare(SURE, rows([0.25], [0.5]), rows([0.5], [0.25]))
    first = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    second = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    # A probability of one half is told as `yes`, by both: so neither row agrees.
    assert (told.kind, told.rows, told.label_agreement) == ("binary", 2, 0.0)
    assert told.divergence == pytest.approx((first + second) / 2)


def test_labels_agree_though_probabilities_do_not() -> None:
    told = compare(ROOM, rows([0.5, 0.25, 0.25], [0.5, 0.25, 0.25]), rows([0.8, 0.1, 0.1], [0.25, 0.5, 0.25]))
    first = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.25 / 0.1)
    second = 0.25 * math.log(2)
    assert (told.rows, told.label_agreement) == (2, 0.5)
    assert told.divergence == pytest.approx((first + second) / 2)


def test_what_is_impossible_for_one_counts_as_epsilon() -> None:
    told = compare(ROOM, rows([1, 0, 0]), rows([0, 1, 0]))
    whole = 1 + 2 * EPSILON
    assert told.divergence == pytest.approx((1 - EPSILON) / whole * math.log(1 / EPSILON))
    assert compare(ROOM, rows([1, 0, 0]), rows([1, 0, 0])).divergence == 0.0


def test_labels_are_matched_by_name() -> None:
    moved = Head(name="room", spec=ROOM.spec, kind="classes", labels=("office", "kitchen", "garden"))
    told = compare(ROOM, rows([0.5, 0.25, 0.25]), rows([0.25, 0.5, 0.25]), moved)
    assert (told.label_agreement, told.divergence) == (1.0, 0.0)
    more = Head(name="room", spec=TensorSpec("float32", (4,)), kind="classes", labels=("attic", *ROOM.labels))
    told = compare(ROOM, rows([0.5, 0.25, 0.25]), rows([0.5, 0.25, 0.125, 0.125]), more)
    assert told.label_agreement == 0.0
    assert told.divergence == pytest.approx(math.log(2), abs=1e-5)
    two = Head(name="room", spec=TensorSpec("float32", (2,)), kind="classes", labels=("yes", "no"))
    assert compare(two, rows([0.75, 0.25]), rows([0.75]), Head(**as_binary("room"))).divergence == pytest.approx(0)


def as_binary(name: str) -> dict[str, Any]:
    return {"name": name, "spec": TensorSpec("float32", (1,)), "kind": "binary", "labels": ("no", "yes")}


def test_every_number_of_a_plain_tensor_counts_the_same() -> None:
    told = compare(PLAIN, rows([[1, 2]], [[1, 2], [3, 4]]), rows([[2, 2]], [[1, 2], [3, 9]]))
    assert told == Differences("plain", "tensor", "", 2, 0, 0, 0, 1.0, 5.0, 1.0)
    told = compare(PLAIN, rows([[1, 2]], [[1, 2]]), rows([[1, 2]], [[1, 2], [3, 4]]))
    assert (told.rows, told.other_shape, told.largest_difference) == (1, 1, 0.0)


def test_rows_that_are_no_numbers_are_counted_and_left_out() -> None:
    told = compare(AGE, rows([math.nan], [1], [math.inf], [2]), rows([1], [math.nan], [math.nan], [3]))
    assert told == Differences("age", "regression", "years", 1, 2, 2, 0, 1.0, 1.0, 1.0)
    told = compare(SURE, rows([math.nan]), rows([0.5]))
    assert told == Agreement("sure", "binary", 0, 1, 0, None, None)


def test_nothing_is_said_before_the_first_row() -> None:
    comparison = Comparison(signature(AGE, SURE), signature(AGE, SURE))
    assert comparison.compared().heads == (
        Differences("age", "regression", "years", 0, 0, 0, 0, None, None, None),
        Agreement("sure", "binary", 0, 0, 0, None, None),
    )


def test_heads_that_cannot_be_compared_say_why() -> None:
    ours = signature(
        AGE,
        Head(name="gone", spec=TensorSpec("float32", ())),
        Head(name="wide", spec=TensorSpec("float32", (2,))),
        Head(name="word", spec=TensorSpec("string", ())),
        SURE,
    )
    theirs = signature(
        Head(name="new", spec=TensorSpec("float32", ())),
        Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression"),
        Head(name="wide", spec=TensorSpec("float32", (3,))),
        Head(name="word", spec=TensorSpec("string", ())),
        Head(name="sure", spec=TensorSpec("float32", (1,))),
    )
    comparison = Comparison(ours, theirs)
    assert comparison.heads == {"sure"}
    told = comparison.compared()
    assert [(each.head, each.kind) for each in told.heads] == [("sure", "tensor")]
    assert told.heads_not_compared == (
        NotCompared("age", "in years in one, without a unit in the other"),
        NotCompared("gone", "only the answering version has it"),
        NotCompared("wide", "of shape [2] in one, [3] in the other"),
        NotCompared("word", "string in one, string in the other: no real numbers"),
        NotCompared("new", "only the candidate has it"),
    )


def test_heads_that_were_not_asked_for_are_passed_over() -> None:
    comparison = Comparison(signature(AGE, SURE), signature(AGE, SURE))
    comparison.add({"age": rows([1])}, {"age": rows([2]), "sure": rows([0.5])})
    assert [each.rows for each in comparison.compared().heads] == [1, 0]


NUMBERS = st.floats(-1e6, 1e6, width=32)
PAIRS = st.lists(arrays(np.float32, (2, 3), elements=NUMBERS), min_size=1, max_size=30)
PROBABILITIES = arrays(np.float32, (2, 3), elements=st.floats(2**-10, 1, width=32))


def in_parts(comparison: Comparison, name: str, ours: Any, theirs: Any, cuts: list[int]) -> None:
    for start, stop in zip([0, *cuts], [*cuts, len(ours)], strict=True):
        if start < stop:
            comparison.add({name: list(ours[start:stop])}, {name: list(theirs[start:stop])})


@given(pairs=PAIRS, data=st.data())
def test_sums_of_any_parts_are_numpy_s_of_the_whole(pairs: list[NDArray[Any]], data: st.DataObject) -> None:
    head = Head(name="wide", spec=TensorSpec("float32", (3,)))
    ours, theirs = np.stack(pairs, axis=1)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=5)))
    comparison = Comparison(signature(head), signature(head))
    in_parts(comparison, "wide", ours, theirs, cuts)
    (told,) = comparison.compared().heads
    assert isinstance(told, Differences)
    difference = theirs.astype(float) - ours.astype(float)
    assert told.rows == len(pairs)
    assert told.largest_difference == np.abs(difference).max()
    assert told.mean_absolute_difference == pytest.approx(np.abs(difference).mean(), rel=1e-12)
    assert told.bias == pytest.approx(difference.mean(), rel=1e-9, abs=1e-9)


@given(pairs=st.lists(PROBABILITIES, min_size=1, max_size=30), data=st.data())
def test_divergence_of_any_parts_is_that_of_the_whole_and_never_negative(
    pairs: list[NDArray[Any]], data: st.DataObject
) -> None:
    ours, theirs = np.stack(pairs, axis=1)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=5)))
    comparison = Comparison(signature(ROOM), signature(ROOM))
    in_parts(comparison, "room", ours, theirs, cuts)
    (told,) = comparison.compared().heads
    assert isinstance(told, Agreement)
    p, q = (each / each.sum(axis=1, keepdims=True) for each in (ours.astype(float), theirs.astype(float)))
    assert told.divergence is not None
    assert told.divergence == pytest.approx((p * np.log(p / q)).sum(axis=1).mean(), rel=1e-9, abs=1e-12)
    assert told.divergence >= -1e-15
    assert told.label_agreement == (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()
