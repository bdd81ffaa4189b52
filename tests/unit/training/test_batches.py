"""Batches: every row once an epoch, padded as declared, in an order that follows from seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from models.signature import Head, Input, Padding, Signature, TensorSpec
from training.batches import Batches, pad

WORDS = Input(name="words", spec=TensorSpec("int32", (None,)), padding=Padding("pad", tail=2))
SIGNATURE = Signature((WORDS,), (Head(name="answer", spec=TensorSpec("float32", (1,))),))
ROWS = {"words": [np.full(length, length, np.int32) for length in (3, 1, 4, 1, 5, 9, 2)]}
TARGETS = {"answer": np.array([3, 1, 4, 1, 5, 9, 2], np.float32)}


def batches(seed: int = 0) -> Batches:
    return Batches(SIGNATURE, ROWS, TARGETS, size=3, seed=seed)


def test_rows_are_filled_with_zeros_and_followed_by_the_tail() -> None:
    assert pad(ROWS["words"][:2], WORDS).tolist() == [[3, 3, 3, 0, 0], [1, 0, 0, 0, 0]]


def test_lengths_are_rounded_up_to_the_step() -> None:
    assert pad(ROWS["words"][:2], WORDS, step=4).shape == (2, 8)


def test_uneven_rows_without_declared_padding_are_refused() -> None:
    exact = Input(name="words", spec=TensorSpec("int32", (None,)))

    with pytest.raises(ValueError, match="'words' differ in length"):
        pad(ROWS["words"][:2], exact)
    assert pad([ROWS["words"][1], ROWS["words"][3]], exact).shape == (2, 1)


def test_an_epoch_has_every_row_once_with_its_own_target() -> None:
    seen = []
    for inputs, targets in batches().epoch(0):
        assert inputs["words"][:, 0].tolist() == targets["answer"][:, 0].tolist()
        seen += targets["answer"][:, 0].tolist()

    assert sorted(seen) == sorted(TARGETS["answer"].tolist())
    assert len(batches()) == 3


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[float]:
        return [value for _, targets in batches(seed).epoch(epoch) for value in targets["answer"][:, 0].tolist()]

    assert order(0, 5) == order(0, 5)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) > 3


def test_for_evaluation_each_row_comes_once_with_its_place() -> None:
    places = np.concatenate([places for places, _ in batches().in_order()])

    assert sorted(places.tolist()) == list(range(7))
