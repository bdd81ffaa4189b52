"""What is run before a model counts as warm."""

import numpy as np

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.runtime.fake import FakeServable
from service.runtime.warmup import warm_up, zeros

SIGNATURE = Signature(
    (Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("pad", tail=3)),),
    (Head(name="a", spec=TensorSpec("float32", ())), Head(name="b", spec=TensorSpec("float32", ()))),
)


def test_every_head_set_runs_at_every_number_of_rows() -> None:
    fake = FakeServable(SIGNATURE)
    sets = [frozenset("ab"), frozenset("a")]
    warm_up(fake, sets, rows=[1, 32])
    assert set(fake.batches) == {(rows, heads) for rows in (1, 32) for heads in sets}


def test_no_rows_means_no_warm_up() -> None:
    fake = FakeServable(SIGNATURE)
    warm_up(fake, [frozenset("ab")], rows=[])
    assert fake.batches == []


def test_open_dimensions_get_a_length_and_the_tail() -> None:
    text = zeros(SIGNATURE, rows=2, length=8)["text"]
    assert text.shape == (2, 11)
    assert text.dtype == np.int32
