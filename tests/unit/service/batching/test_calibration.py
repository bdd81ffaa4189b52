"""What is tried before the first request, on a device that is a formula and a clock that is a number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest

from models.signature import Input, Padding, Signature, TensorSpec
from service.batching.calibration import calibrate
from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.policy import BatchPolicy
from service.batching.tuning import MOST
from service.runtime.fake import fake_signature

RUNS = KNOWN_AFTER + 1
"""Of each size."""


class Device:
    """Takes so long for so many rows, by its own clock."""

    def __init__(self, seconds: Callable[[int], float], signature: Signature | None = None) -> None:
        self.signature = signature or fake_signature()
        self.seconds = seconds
        self.now = 100.0
        self.ran: list[tuple[int, int]] = []
        self.heads: set[frozenset[str]] = set()
        self.slow_first = 0.0

    def run(self, inputs: Any, heads: Collection[str]) -> Any:
        rows, length = inputs["text"].shape
        if (rows, length) not in self.ran:
            self.now += self.slow_first
        self.ran.append((rows, length))
        self.heads.add(frozenset(heads))
        self.now += self.seconds(rows)
        return {}

    def calibrate(self, *lengths: int, seconds: float = 1000.0, **policy: Any) -> Latency:
        samples = [{"text": np.ones(length, np.int32), "series": np.ones(1, np.float32)} for length in lengths]
        return calibrate(self, samples, ["age"], BatchPolicy(**policy), seconds, lambda: self.now)

    @property
    def sizes(self) -> list[int]:
        return list(dict.fromkeys(rows for rows, _ in self.ran))


def rises(rows: int) -> float:
    return 1.0 + 0.001 * rows


def test_sizes_double_until_the_largest_that_may_run() -> None:
    device = Device(rises)
    latency = device.calibrate(2)
    assert device.sizes == [1, 2, 4, 8, 16, 32, 64, 128, MOST]
    assert device.heads == {frozenset({"age"})}
    assert len(device.ran) == RUNS * 9
    assert latency.seconds(16, 5) == pytest.approx(rises(16))
    assert [each.batches for each in latency.measured()] == [KNOWN_AFTER] * 9


def test_the_policys_own_size_ends_it() -> None:
    device = Device(rises)
    device.calibrate(2, max_batch_size=12)
    assert device.sizes == [1, 2, 4, 8, 12]


def test_it_ends_when_more_rows_do_not_pay() -> None:
    device = Device(lambda rows: rows * (0.01 if rows <= 8 else 0.02))
    device.calibrate(2)
    assert device.sizes == [1, 2, 4, 8, 16, 32]  # two in a row


def test_one_bad_size_does_not_end_it_nor_a_little_less_than_the_best() -> None:
    device = Device(lambda rows: rows * {4: 0.02, 16: 0.02}.get(rows, 0.01 if rows <= 8 else 0.0105))
    device.calibrate(2, max_batch_size=64)
    assert device.sizes == [1, 2, 4, 8, 16, 32, 64]


def test_the_best_counts_and_not_the_last() -> None:
    """Each size a little slower than the one before: together that is too much."""
    device = Device(lambda rows: 0.01 * rows * 1.07 ** (rows.bit_length()))
    device.calibrate(2)
    assert device.sizes == [1, 2, 4, 8]


def test_it_ends_when_its_time_is_over_or_the_target_is_passed() -> None:
    device = Device(rises)
    device.calibrate(2, seconds=RUNS * 1.001 + 0.5)
    assert device.sizes == [1, 2]
    device = Device(lambda rows: 0.5 * rows)
    device.calibrate(2, latency_target=3.0)
    assert device.sizes == [1, 2, 4]


def test_without_time_nothing_is_measured() -> None:
    device = Device(rises)
    assert not device.calibrate(2, seconds=0.0).is_known
    assert device.ran == []


def test_the_first_run_of_a_size_does_not_count() -> None:
    device = Device(rises)
    device.slow_first = 1000.0
    latency = device.calibrate(2, seconds=1e9)
    assert latency.seconds(4, 5) == pytest.approx(rises(4))


def test_every_length_is_measured_once() -> None:
    device = Device(rises)
    latency = device.calibrate(2, 50, 2, 50, max_batch_size=1)
    assert device.ran == [(1, 4)] * RUNS + [(1, 52)] * RUNS  # with their tails
    assert [each.elements for each in latency.measured()] == [8, 128]


def test_rows_are_padded_to_their_buckets() -> None:
    device = Device(rises)
    latency = device.calibrate(5, buckets=(14,), max_batch_size=1)
    assert device.ran == [(1, 16)] * RUNS
    assert latency.measured()[0].elements == 32


def test_a_model_whose_rows_change_one_another_runs_single_rows() -> None:
    alone = Input(name="text", spec=TensorSpec("int32", (None,)), padding=Padding("alone"))
    device = Device(rises, Signature((alone, *fake_signature().inputs[1:]), fake_signature().heads))
    device.calibrate(2)
    assert device.sizes == [1]


def test_with_a_clock_that_stands_still_nothing_is_measured() -> None:
    device = Device(lambda rows: 0.0)
    assert not device.calibrate(2, max_batch_size=4).is_known
    assert device.sizes == [1, 2, 4]


def test_what_the_model_raises_is_raised() -> None:
    def raises(rows: int) -> float:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        Device(raises).calibrate(2)
