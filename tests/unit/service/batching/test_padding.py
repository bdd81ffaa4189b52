"""Which rows may share a batch, and what the batch then looks like."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.batching.padding import Geometry, bucket, stack, step
from service.runtime.fake import fake_signature


def row(text: list[int], series: list[float]) -> dict[str, Any]:
    return {"text": np.array(text, np.int32), "series": np.array(series, np.float32)}


def signature(*inputs: Input) -> Signature:
    return Signature(inputs, (Head(name="head", spec=TensorSpec("float32", (1,))),))


def test_only_inputs_that_must_not_be_padded_count_for_the_key() -> None:
    def key(*of: Any) -> Any:
        return Geometry(fake_signature()).key(row(*of))

    assert key([1], [1, 2]) == key([1, 2, 3], [3, 4])
    assert key([1], [1, 2]) != key([1], [1, 2, 3])


def test_inputs_of_one_shape_do_not_count_for_the_key() -> None:
    image = Input(name="image", spec=TensorSpec("float32", (2, 2)))
    assert Geometry(signature(image)).key({"image": np.zeros((2, 2))}) == ()


def test_rows_are_padded_on_the_right_to_the_longest_and_the_tail() -> None:
    tensors, padding = stack(fake_signature(), [row([1, 2, 3, 4], [1]), row([5], [2])], ())
    assert tensors["text"].tolist() == [[1, 2, 3, 4, 0, 0], [5, 0, 0, 0, 0, 0]]
    assert tensors["series"].tolist() == [[1], [2]]
    assert [tensors[name].dtype.name for name in ("text", "series")] == ["int32", "float32"]
    assert padding == 0.75


def test_a_row_alone_gets_its_tail_too_and_wastes_nothing() -> None:
    tensors, padding = stack(fake_signature(), [row([7], [1])], ())
    assert tensors["text"].tolist() == [[7, 0, 0]]
    assert padding == 0


def test_lengths_are_rounded_up_to_buckets_before_the_tail() -> None:
    tensors, padding = stack(fake_signature(), [row([1, 2, 3], [1])], (4, 8))
    assert tensors["text"].shape == (1, 6)
    assert padding == 0.25


@pytest.mark.parametrize(("length", "expected"), [(0, 4), (4, 4), (5, 8), (8, 8), (9, 9)])
def test_the_smallest_bucket_that_holds(length: int, expected: int) -> None:
    assert bucket(length, (4, 8)) == expected


def test_empty_rows_waste_nothing() -> None:
    tensors, padding = stack(fake_signature(), [row([], [1]), row([], [1])], ())
    assert tensors["text"].tolist() == [[0, 0], [0, 0]]
    assert padding == 0


def test_every_ragged_dimension_is_padded_and_no_other() -> None:
    pad = Padding("pad", tail=1)
    images = signature(Input(name="image", spec=TensorSpec("uint8", (None, 2, None)), padding=pad))
    rows = [{"image": np.ones((1, 2, 3), np.uint8)}, {"image": np.ones((2, 2, 1), np.uint8)}]
    tensors, padding = stack(images, rows, ())
    assert tensors["image"].shape == (2, 3, 2, 4)
    assert tensors["image"].sum(axis=(1, 2, 3)).tolist() == [6, 4]
    assert tensors["image"][1, :2, :, :1].all()
    assert padding == pytest.approx((1 - 6 / 12) + (1 - 4 / 12))


def test_the_most_padded_input_counts() -> None:
    pad = Padding("pad")
    both = signature(*(Input(name=name, spec=TensorSpec("int32", (None,)), padding=pad) for name in "ab"))
    rows = [{"a": np.ones(4), "b": np.ones(1)}, {"a": np.ones(3), "b": np.ones(4)}]
    assert stack(both, rows, ())[1] == 0.75


def test_a_row_of_another_kind_is_refused_rather_than_cut() -> None:
    with pytest.raises(TypeError, match="same_kind"):
        stack(fake_signature(), [row([1], [1]), row([1], [1]) | {"text": np.array([1.5])}], ())


STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


@pytest.mark.parametrize("length", [0, *range(1, 129)])
def test_a_length_is_rounded_up_to_the_next_step(length: int) -> None:
    assert step(length) == next(each for each in STEPS if each >= length)


def test_lengths_are_those_of_inputs_that_may_be_padded_input_by_input() -> None:
    pad = Padding("pad", tail=1)
    mixed = signature(
        Input(name="image", spec=TensorSpec("uint8", (None, 2, None)), padding=pad),
        Input(name="exact", spec=TensorSpec("float32", (None,))),
        Input(name="fixed", spec=TensorSpec("float32", (3,)), padding=pad),
        Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("pad")),
    )
    geometry = Geometry(mixed)
    one: Any = {"image": np.zeros((5, 2, 9)), "exact": np.zeros(7), "fixed": np.zeros(3), "text": np.zeros(4)}
    assert geometry.lengths(one) == (6, 12, 4)
    assert geometry.key(one) == ((7,),)
    assert Geometry(mixed, (8,)).lengths(one) == (8, 9, 8)  # beyond the last bucket the length itself
    # The tail counts once for each side that may be padded, and nowhere else.
    assert geometry.elements(one, (6, 12, 4)) == 7 * 2 * 13 + 7 + 3 + 4
    assert geometry.elements(one, (1, 1, 1)) == 2 * 2 * 2 + 7 + 3 + 1


def test_a_row_of_nothing_counts_for_one() -> None:
    empty = signature(Input(name="x", spec=TensorSpec("float32", (None,))))
    assert Geometry(empty).elements({"x": np.zeros(0)}, ()) == 1


@pytest.mark.parametrize(("kind", "is_mixing"), [("alone", True), ("exact", False), ("pad", False)])
def test_rows_that_change_one_another_are_known_by_the_signature(kind: Any, is_mixing: bool) -> None:
    inputs = [Input(name=name, spec=TensorSpec("float32", (None,)), padding=Padding(kind)) for name in "ab"]
    assert Geometry(signature(*inputs)).is_mixing == is_mixing
    assert Geometry(signature(*inputs)).key({"a": np.zeros(1), "b": np.zeros(2)}) == (
        () if kind == "pad" else ((1,), (2,))
    )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.sampled_from([(), (8, 20)]))
def test_a_batch_is_never_larger_than_was_reckoned_and_holds_every_row(
    lengths: list[int], buckets: tuple[int, ...]
) -> None:
    rows = [row([7] * length, [1.0, 2.0]) for length in lengths]
    geometry = Geometry(fake_signature(), buckets)
    longest = tuple(max(each) for each in zip(*(geometry.lengths(each) for each in rows), strict=True))
    tensors, padding = stack(fake_signature(), rows, buckets)
    assert sum(tensor.size for tensor in tensors.values()) <= len(rows) * geometry.elements(rows[0], longest)
    assert len({geometry.key(each) for each in rows}) == 1
    for each, text, series in zip(rows, tensors["text"], tensors["series"], strict=True):
        assert text[: each["text"].size].tolist() == each["text"].tolist()
        assert not text[each["text"].size :].any()
        assert text.size >= each["text"].size + 2
        assert series.tolist() == [1, 2]
    assert 0 <= padding <= len(rows)
