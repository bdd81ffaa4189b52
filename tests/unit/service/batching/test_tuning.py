"""How `auto` finds its sizes and its delay, on devices that are formulas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.policy import Auto, BatchPolicy
from service.batching.tuning import FIRST, FRESH, LOOK_AFTER, MOST, RETRY_AFTER, SIZES, Tuner

Device = Callable[[int], float]
"""Seconds of so many rows."""
LENGTH = 8


def pays(rows: int) -> float:
    """The more rows, the more of them a second."""
    return 0.010 + 0.0001 * rows


def falls_out_of_cache(rows: int) -> float:
    """Best at eight rows, like a stack of convolutions over text on two cores."""
    return 0.001 + 0.001 * rows * (1.0 if rows <= 8 else 2.0)


class Run:
    """A tuner and batches that ran."""

    def __init__(self, device: Device = pays, latency: Latency | None = None, **policy: float) -> None:
        self.latency = latency or Latency()
        self.device = device
        self.tuner = Tuner(BatchPolicy(**policy), self.latency)  # type: ignore[arg-type]

    def calibrated(self, *sizes: int, length: int = LENGTH) -> Run:
        for rows in sizes:
            for _ in range(KNOWN_AFTER):
                self.latency.observe(rows, length, self.device(rows))
        return self

    def batches(self, count: int, rows: int | None = None, length: int = LENGTH) -> int:
        """As many rows in each as may be, or so many, and the size afterwards."""
        for _ in range(count):
            size = min(rows or MOST, self.tuner.max_rows(length))
            self.latency.observe(size, length, self.device(size))
            self.tuner.observe(size, length)
        return self.tuner.max_rows(length)


def test_numbers_of_the_policy_stand() -> None:
    run = Run(falls_out_of_cache, max_batch_size=100, max_queue_delay=0.25)
    assert run.batches(50) == 100
    assert (run.tuner.max_rows(10**9), run.tuner.sizes, run.tuner.max_queue_delay) == (100, {0: 100}, 0.25)


def test_it_begins_somewhere_while_nothing_is_measured() -> None:
    run = Run()
    assert run.tuner.max_rows(LENGTH) == FIRST
    assert run.tuner.sizes == {LENGTH: FIRST}
    assert repr(run.tuner) == f"<Tuner [{FIRST} rows of {LENGTH}]>"


def test_it_climbs_while_more_rows_pay() -> None:
    run = Run()
    assert run.batches(LOOK_AFTER - 1) == FIRST
    assert run.batches(1) == 2 * FIRST
    assert run.batches(20 * LOOK_AFTER) == MOST


def test_it_does_not_climb_for_batches_that_nobody_fills() -> None:
    run = Run()
    assert run.batches(20 * LOOK_AFTER, rows=FIRST // 2) == FIRST
    assert run.batches(LOOK_AFTER, rows=FIRST // 2 + 1) == 2 * FIRST


def test_it_comes_down_from_where_it_does_not_pay() -> None:
    run = Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16)
    run.tuner._sizes[LENGTH] = 16
    assert run.batches(LOOK_AFTER) == 8


def test_it_comes_down_step_by_step() -> None:
    run = Run(lambda rows: 0.0001 * rows**2).calibrated(1, 2, 4, 8, 16, 32, 64)
    run.tuner._sizes[LENGTH] = 64
    assert [run.batches(LOOK_AFTER) for _ in range(7)] == [32, 16, 8, 4, 2, 1, 1]


def test_it_stays_at_the_peak_of_a_model_that_falls_out_of_the_caches() -> None:
    run = Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16)
    assert run.tuner.max_rows(LENGTH) == 8
    for _ in range(50):
        assert run.batches(LOOK_AFTER) == 8


def test_it_comes_back_from_a_size_that_was_not_known_to_be_worse() -> None:
    run = Run(falls_out_of_cache).calibrated(1, 2, 4, 8)
    run.tuner._sizes[LENGTH] = 8
    tried = {run.batches(LOOK_AFTER) for _ in range(50)}
    assert max(tried) <= 16
    assert run.batches(0) == 8


def test_it_tries_again_what_was_bad_long_ago() -> None:
    run = Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16)
    run.batches(LOOK_AFTER)
    run.device = pays
    sizes = [run.batches(LOOK_AFTER) for _ in range(RETRY_AFTER // LOOK_AFTER * 6)]
    assert sizes[RETRY_AFTER // LOOK_AFTER // 2] == 8
    assert sizes[-1] == MOST


def test_one_pause_is_forgotten_in_time() -> None:
    run = Run()
    assert run.batches(20 * LOOK_AFTER) == MOST
    run.device = lambda rows: 60.0
    run.batches(1)
    run.device = pays
    assert run.batches(LOOK_AFTER) == MOST // 2
    assert run.batches(RETRY_AFTER // 2) == MOST // 2
    assert run.batches(RETRY_AFTER) == MOST


def test_what_was_too_slow_is_not_tried_for_batches_that_nobody_fills() -> None:
    run = Run()
    run.batches(20 * LOOK_AFTER)
    run.device = lambda rows: 60.0
    run.batches(1)
    run.device = pays
    run.batches(LOOK_AFTER)
    assert run.batches(2 * RETRY_AFTER, rows=MOST // 4) == MOST // 2
    assert run.latency.cell(MOST, LENGTH) is not None


def test_noise_moves_nothing() -> None:
    run = Run(lambda rows: rows * (0.01 if rows == 16 else 0.0102)).calibrated(8, 16, 32)
    run.tuner._sizes[LENGTH] = 16
    assert run.batches(20 * LOOK_AFTER) == 16
    run.tuner._sizes[LENGTH] = 8
    assert run.batches(20 * LOOK_AFTER) == 8


@given(target=st.floats(0.02, 2.0), fixed=st.floats(0.0001, 0.5), each=st.floats(0.0001, 0.1))
def test_the_latency_target_is_kept_if_a_row_alone_keeps_it(target: float, fixed: float, each: float) -> None:
    run = Run(lambda rows: fixed + each * rows, latency_target=target)
    size = run.batches(30 * LOOK_AFTER)
    sizes = {run.batches(1) for _ in range(2 * LOOK_AFTER)} | {size}
    assert all(size == 1 or 2 * run.device(size) <= target for size in sizes)


def test_a_size_that_becomes_too_slow_for_the_target_is_halved() -> None:
    run = Run(latency_target=1.0)
    assert run.batches(20 * LOOK_AFTER) == MOST
    run.device = lambda rows: rows / 64
    assert run.batches(20 * LOOK_AFTER) == 32


def test_what_calibration_found_is_where_it_begins() -> None:
    assert Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16).tuner.max_rows(LENGTH) == 8
    assert Run(pays).calibrated(1, 2, 4, 8, 16).tuner.max_rows(LENGTH) == FIRST  # it may go on rising
    assert Run(pays).calibrated(*SIZES[:-1]).tuner.max_rows(LENGTH) == MOST // 2
    slow = Run(pays, latency_target=0.0203).calibrated(1, 2, 4, 8, 16)
    assert slow.tuner.max_rows(LENGTH) == 1


def test_what_was_measured_before_is_known_from_the_start() -> None:
    known = Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16).latency
    assert Run(latency=known).tuner.sizes == {LENGTH: 8}


def test_lengths_are_apart() -> None:
    run = Run(falls_out_of_cache).calibrated(1, 2, 4, 8, 16)
    run.calibrated(1, 2, 4, length=4 * LENGTH)
    assert run.tuner.max_rows(LENGTH) == 8
    run.tuner.max_rows(4 * LENGTH)
    run.device = pays
    run.batches(40 * LOOK_AFTER, length=4 * LENGTH)
    assert run.tuner.sizes == {LENGTH: 8, 4 * LENGTH: MOST}


@pytest.mark.parametrize(("times", "rows"), [(2, 16), (4, 8), (64, 1), (0.5, 64), (0.125, 256)])
def test_a_new_length_begins_with_as_many_elements_as_the_nearest(times: float, rows: int) -> None:
    run = Run()
    assert run.tuner.max_rows(1024) == FIRST
    assert run.tuner.max_rows(int(1024 * times)) == rows


def test_of_two_known_lengths_the_nearer_one_counts() -> None:
    run = Run()
    run.tuner._sizes.update({16: 8, 1024: 128})
    assert run.tuner.max_rows(512) == MOST
    assert run.tuner.max_rows(32) == 4


def rare_and_frequent(run: Run) -> tuple[float, float]:
    delays = []
    for apart in (10.0, 0.001):
        now = 1000.0 * apart
        for _ in range(5000):
            run.tuner.arrived(1, now)
            now += apart
        delays.append(run.tuner.max_queue_delay)
    return delays[0], delays[1]


def delaying(max_queue_delay: float | Auto = "auto", target: float = 15.0) -> Run:
    run = Run(latency_target=target, max_queue_delay=max_queue_delay)  # type: ignore[arg-type]
    return run.calibrated(1, 2, 4, 8)


def test_nobody_waits_for_company_that_is_not_likely_to_come() -> None:
    rare, frequent = rare_and_frequent(delaying())
    assert rare == 0.0
    assert frequent == pytest.approx(0.010, rel=0.01)


def test_nobody_waits_longer_than_half_the_target_nor_while_nothing_is_known() -> None:
    assert rare_and_frequent(delaying(target=0.004))[1] == 0.002
    assert rare_and_frequent(Run(max_queue_delay="auto")) == (0.0, 0.0)  # type: ignore[arg-type]


def test_a_number_stands_whatever_comes() -> None:
    assert rare_and_frequent(delaying(0.5)) == (0.5, 0.5)


def test_the_delay_does_not_stick_after_a_storm() -> None:
    run = delaying()
    for number in range(10_000):
        run.tuner.arrived(10, 100 + number / 1000)
    assert run.tuner.max_queue_delay > 0
    run.tuner.arrived(1, 115)
    assert run.tuner.max_queue_delay == 0.0


def test_the_rate_is_that_of_rows_in_a_second() -> None:
    run = delaying()  # 10 ms of a batch: a hundred rows a second are worth waiting for
    for each, expected in ((0.99, 0), (1.2, 1)):
        for number in range(20_000):
            run.tuner.arrived(1, 1000 + each + number / (100 * each))
        assert bool(run.tuner.max_queue_delay) == bool(expected)


def test_a_busy_machine_does_not_talk_the_size_down_with_what_was_measured_in_quieter_times() -> None:
    run = Run().calibrated(*SIZES)
    quiet = run.batches(FRESH + LOOK_AFTER)
    run.device = lambda rows: 3 * pays(rows)
    assert {run.batches(1) for _ in range(RETRY_AFTER // 2)} == {quiet}
