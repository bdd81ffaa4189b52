"""Which rows may share a batch, and what the batch then looks like."""

from typing import Any

import numpy as np
import pytest

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.batching.padding import batch_key, bucket, stack
from service.runtime.fake import fake_signature


def row(text: list[int], series: list[float]) -> dict[str, Any]:
    return {"text": np.array(text, np.int32), "series": np.array(series, np.float32)}


def signature(*inputs: Input) -> Signature:
    return Signature(inputs, (Head(name="head", spec=TensorSpec("float32", (1,))),))


def test_only_inputs_that_must_not_be_padded_count_for_the_key() -> None:
    def key(*of: Any) -> Any:
        return batch_key(fake_signature(), row(*of))

    assert key([1], [1, 2]) == key([1, 2, 3], [3, 4])
    assert key([1], [1, 2]) != key([1], [1, 2, 3])


def test_inputs_of_one_shape_do_not_count_for_the_key() -> None:
    image = Input(name="image", spec=TensorSpec("float32", (2, 2)))
    assert batch_key(signature(image), {"image": np.zeros((2, 2))}) == ()


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
