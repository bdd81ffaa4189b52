"""What is run before a model counts as warm."""

from collections.abc import Collection

import numpy as np

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.runtime.fake import FakeServable
from service.runtime.servable import Tensors
from service.runtime.warmup import PICTURE, Filling, row_of_zeros, shortest_that_runs, warm_up, zeros

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
