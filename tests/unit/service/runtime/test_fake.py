"""The fake answers like a model: row by row, hurt by padding exactly where it was not declared safe."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from service.runtime.fake import FakeServable, fake_signature


def run(text: list[list[int]], series: list[list[float]]) -> dict[str, NDArray[np.float32]]:
    inputs = {"text": np.array(text, np.int32), "series": np.array(series, np.float32)}
    return {name: np.asarray(tensor) for name, tensor in FakeServable(fake_signature()).run(inputs, HEADS).items()}


HEADS = ("age", "room", "sure")


def test_heads_have_their_shapes_and_kinds() -> None:
    outputs = run([[1, 2, 0, 0], [3, 4, 0, 0]], [[1], [2]])
    assert {name: tensor.shape for name, tensor in outputs.items()} == {"age": (2, 1), "room": (2, 3), "sure": (2, 1)}
    assert all(tensor.dtype == np.float32 for tensor in outputs.values())
    assert_allclose(outputs["room"].sum(axis=1), 1, rtol=1e-6)
    assert ((outputs["sure"] >= 0) & (outputs["sure"] <= 1)).all()


@pytest.mark.parametrize("head", HEADS)
def test_rows_do_not_see_each_other_and_padding_beyond_the_tail_is_not_seen(head: str) -> None:
    both = run([[1, 2, 0, 0, 0, 0], [3, 4, 5, 6, 0, 0]], [[1], [2]])[head]
    assert_allclose(both[:1], run([[1, 2, 0, 0]], [[1]])[head], rtol=1e-6)
    assert_allclose(both[1:], run([[3, 4, 5, 6, 0, 0]], [[2]])[head], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ([[1, 2]], [[1]]),  # no tail
        ([[1, 2, 0]], [[1]]),  # half a tail
        ([[1, 2, 0, 0]], [[1, 0]]),  # padded where only exact lengths may meet
        ([[2, 1, 0, 0]], [[1]]),
        ([[1, 2, 0, 0]], [[2]]),
    ],
)
def test_everything_else_is_seen(text: list[list[int]], series: list[list[float]]) -> None:
    expected, got = run([[1, 2, 0, 0]], [[1]]), run(text, series)
    assert all(not np.allclose(got[head], expected[head], rtol=1e-4) for head in HEADS)


def test_only_the_heads_asked_for_are_answered_and_the_batch_is_on_record() -> None:
    fake = FakeServable(fake_signature())
    inputs = {"text": np.ones((2, 3), np.int32), "series": np.ones((2, 1), np.float32)}
    assert list(fake.run(inputs, {"age"})) == ["age"]
    assert fake.batches == [(2, frozenset({"age"}))]
    assert fake.entered.acquire(blocking=False)


def test_it_fails_as_often_as_told_and_on_poison() -> None:
    fake = FakeServable(fake_signature(), poison=lambda row: bool(row["series"][0] == 13))
    good = {"text": np.ones((2, 3), np.int32), "series": np.array([[1], [2]], np.float32)}
    fake.fail_next(2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="told to fail"):
            fake.run(good, HEADS)
    fake.run(good, HEADS)
    with pytest.raises(RuntimeError, match="poison"):
        fake.run(good | {"series": np.array([[1], [13]], np.float32)}, HEADS)
