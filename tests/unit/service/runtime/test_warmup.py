"""What is run before a model counts as warm."""

from collections.abc import Collection

import numpy as np

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.runtime.fake import FakeServable
from service.runtime.servable import Tensors
from service.runtime.warmup import (
    LENGTH_SECONDS,
    LONE_LENGTHS,
    PICTURE,
    Filling,
    row_of_zeros,
    shortest_that_runs,
    warm_up,
    zeros,
)

SIGNATURE = Signature(
    (Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("pad", tail=3)),),
    (Head(name="a", spec=TensorSpec("float32", ())), Head(name="b", spec=TensorSpec("float32", ()))),
)


ALL = frozenset("ab")


def test_every_head_set_runs_at_every_number_of_rows_all_heads_first() -> None:
    fake = FakeServable(SIGNATURE)
    warm_up(fake, [ALL, frozenset("a")], rows=[1, 32])
    assert fake.batches[:5] == [(1, ALL), (1, ALL), (32, ALL), (1, frozenset("a")), (32, frozenset("a"))]


def test_lone_rows_run_at_many_lengths_until_the_time_is_over() -> None:
    fake, lengths, now = FakeServable(SIGNATURE), list[int](), 0.0
    run = fake.run

    def timed(inputs: Tensors, heads: Collection[str]) -> Tensors:
        nonlocal now
        now += LENGTH_SECONDS / 2.5
        lengths.append(inputs["text"].shape[1] - 3)
        if lengths[-1] == 2:
            raise ValueError("two is too short, say")
        return run(inputs, heads)

    fake.run = timed  # type: ignore[method-assign]
    warm_up(fake, [ALL], rows=[1], clock=lambda: now)
    assert lengths == [8, 8, 1, 2, 3]
    assert set(fake.batches) == {(1, ALL)}
    lengths.clear()
    warm_up(fake, [ALL], rows=[1], clock=lambda: 0.0)
    assert lengths[2:] == list(LONE_LENGTHS)


def test_rows_of_one_shape_have_one_length() -> None:
    fixed = Signature((Input(name="row", spec=TensorSpec("float32", (4,))),), SIGNATURE.heads)
    fake = FakeServable(fixed)
    warm_up(fake, [ALL], rows=[1, 8])
    assert fake.batches == [(1, ALL), (1, ALL), (8, ALL)]


def test_no_rows_means_no_warm_up() -> None:
    fake = FakeServable(SIGNATURE)
    warm_up(fake, [frozenset("ab")], rows=[])
    assert fake.batches == []


def test_open_dimensions_get_a_length_and_the_tail() -> None:
    text = zeros(SIGNATURE, rows=2, filling=Filling(8))["text"]
    assert text.shape == (2, 11)
    assert text.dtype == np.int32


def test_a_graph_that_reads_pictures_from_strings_gets_one() -> None:
    signature = Signature(
        (Input(name="file", spec=TensorSpec("string", ())),), (Head(name="a", spec=TensorSpec("float32", ())),)
    )

    class Reader(FakeServable):
        def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
            if any(not each.startswith(b"\x89PNG") for each in inputs["file"]):
                raise ValueError("no picture")
            return {"a": np.zeros(len(inputs["file"]), np.float32)}

    servable = Reader(signature)
    assert shortest_that_runs(servable).text == PICTURE
    warm_up(servable, [frozenset("a")], rows=[1, 2])
    assert row_of_zeros(signature, shortest_that_runs(servable))["file"].item() == PICTURE
