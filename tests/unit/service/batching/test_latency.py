"""What is learnt from batches that ran, by times given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batching.latency import DEFAULT_OVERHEAD, KNOWN_AFTER, RECENT, Latency, fit, power_of_two
from tests.unit.service.batching.bench import measured

TIMES = st.floats(1e-6, 1e3)


def times(latency: Latency, rows: int, elements: int, seconds: float, count: int = KNOWN_AFTER) -> None:
    for _ in range(count):
        latency.observe(rows, elements, seconds)


@pytest.mark.parametrize(("number", "power"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16)])
def test_the_smallest_power_of_two_that_holds(number: int, power: int) -> None:
    assert power_of_two(number) == power


def test_nothing_is_expected_of_what_was_never_measured() -> None:
    latency = Latency()
    assert not latency.is_known
    assert (latency.seconds(8, 8), latency.at_best(8, 8), latency.work(3, 100), latency.fixed) == (0, 0, 0, 0)
    assert latency.overhead == DEFAULT_OVERHEAD
    assert latency.measured() == []
    assert repr(latency) == "<Latency [0 sizes, 0 s + 0 s an element]>"


def test_what_took_no_time_or_had_no_rows_says_nothing() -> None:
    latency = Latency()
    latency.observe(0, 4, 1.0)
    latency.observe(4, 4, 0.0)
    assert not latency.is_known


def test_a_line_is_recovered_from_batches_on_it() -> None:
    latency = measured(0.5, 0.25)
    assert latency.is_known
    assert latency.fixed == pytest.approx(0.5)
    assert latency.overhead == pytest.approx(2.0)
    assert latency.work(3, 100) == pytest.approx(26.5)
    assert latency.seconds(100, 7) == pytest.approx(0.5 + 175)  # a size that never ran
    assert repr(latency) == "<Latency [3 sizes, 0.5 s + 0.25 s an element]>"


@given(fixed=st.floats(0.001, 10), per_element=st.floats(0.001, 10), sizes=st.sets(st.integers(1, 999), min_size=2))
def test_any_line_is_recovered(fixed: float, per_element: float, sizes: set[int]) -> None:
    level, slope = fit((size, fixed + per_element * size, 1.0) for size in sizes)
    assert level == pytest.approx(fixed, rel=1e-3, abs=1e-3 * per_element)
    assert slope == pytest.approx(per_element, rel=1e-3, abs=1e-3 * fixed)


@given(st.lists(st.tuples(st.floats(1, 1e6), TIMES, st.floats(0.01, 100)), max_size=9))
def test_no_line_is_negative_and_none_is_wholly_above_what_was_measured(points: list[tuple[float, ...]]) -> None:
    fixed, per_element = fit(points)  # type: ignore[arg-type]
    assert fixed >= 0
    assert per_element >= 0
    if points:
        slowest = max(seconds / (fixed + per_element * size) for size, seconds, _ in points)
        assert slowest >= 1 - 1e-6


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([], (0.0, 0.0)),
        ([(4, 2.0, 1.0)], (0.0, 0.5)),  # one size: all of it by element
        ([(4, 2.0, 1.0), (4, 4.0, 3.0)], (0.0, 0.875)),
        ([(2, 3.0, 1.0), (4, 1.0, 1.0)], (2.0, 0.0)),  # longer batches were faster: all of it fixed
        ([(1, 1.0, 1.0), (2, 4.0, 1.0)], (0.0, 1.8)),  # it would be negative at nothing
        ([(0, 1.0, 2.0), (2, 2.0, 2.0), (1, 4.5, 1.0)], (1.6, 0.5)),  # weights count
    ],
)
def test_the_line_by_hand(points: list[tuple[float, float, float]], line: tuple[float, float]) -> None:
    assert fit(points) == pytest.approx(line)


def test_a_size_is_believed_after_a_few_times() -> None:
    latency = Latency()
    for seen in range(KNOWN_AFTER):
        assert latency.cell(8, 8) is None
        latency.observe(8, 8, 2.0)
        assert latency.measured()[0].batches == seen + 1
    cell = latency.cell(8, 8)
    assert cell is not None
    assert (cell.rows, cell.elements, cell.seconds, cell.rows_per_second) == (8, 64, 2.0, 4.0)


def test_sizes_within_a_power_of_two_are_one_cell() -> None:
    latency = Latency()
    times(latency, 5, 5, 1.0)
    for rows, elements in ((5, 5), (8, 8), (7, 6)):
        assert latency.cell(rows, elements) is latency.cell(5, 5) is not None
    for rows, elements in ((4, 5), (9, 5), (5, 4), (5, 9)):
        assert latency.cell(rows, elements) is None


def test_the_first_times_of_a_size_are_averaged_and_later_ones_fade() -> None:
    latency = Latency()
    for seconds, mean in ((1.0, 1.0), (2.0, 1.5), (6.0, 3.0), (3.0, 3.0), (3.0, 3.0), (8.0, 4.0), (4.0, 4.0)):
        latency.observe(4, 4, seconds)
        assert latency.measured()[0].seconds == pytest.approx(mean)
    times(latency, 4, 4, 1.0, 100)
    assert latency.seconds(4, 4) == pytest.approx(1.0)


def test_what_was_measured_at_a_size_goes_before_the_line_and_the_rest_is_by_element() -> None:
    latency = measured(1.0, 0.5)
    times(latency, 64, 3, 7.0, 1)  # not believed yet, but the line has it
    times(latency, 7, 3, 50.0)
    per_element = latency.work(0, 1)
    assert latency.seconds(7, 3) == pytest.approx(50.0)
    assert latency.seconds(8, 3) == pytest.approx(50.0 + 3 * per_element)
    assert latency.seconds(5, 3) == pytest.approx(50.0 - 6 * per_element)
    assert latency.seconds(64, 3) == pytest.approx(latency.work(1, 192))


def test_a_time_is_never_negative() -> None:
    latency = Latency()
    times(latency, 128, 1, 128.0)
    times(latency, 32, 128, 0.001)
    times(latency, 1, 4096, 4096.0)
    assert latency.seconds(17, 65) >= 0
    assert latency.seconds(65, 1) >= 0


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(1, 64), TIMES), min_size=1, max_size=30))
def test_at_best_is_never_above_what_was_measured(batches: list[tuple[int, int, float]]) -> None:
    latency = Latency()
    for batch in batches:
        latency.observe(*batch)
    for rows, elements, seconds in batches:
        assert latency.at_best(rows, elements) <= seconds * (1 + 1e-9)
        assert latency.seconds(rows, elements) >= 0


def test_at_best_is_the_fastest_of_its_size_or_of_any() -> None:
    latency = Latency()
    times(latency, 1, 4, 8.0)
    times(latency, 1, 4, 4.0, 1)
    times(latency, 1, 4, 6.0, 1)
    times(latency, 16, 4, 32.0)
    assert latency.at_best(1, 4) == 4.0
    assert latency.at_best(16, 4) == 32.0
    assert latency.at_best(2, 4) == 4.0  # as if it were part of 16
    assert latency.at_best(16, 4000) == 4.0  # it was never tried: no more is known than that one row took so long


def test_the_slowest_of_the_recent_is_told() -> None:
    latency = Latency()
    for seconds in (9.0, *[1.0] * (RECENT - 1)):
        latency.observe(2, 2, seconds)
    assert latency.measured()[0].slowest_seconds == 9.0
    latency.observe(2, 2, 3.0)
    (told,) = latency.measured()
    assert told.slowest_seconds == 3.0
    assert (told.rows, told.elements, told.batches) == (2, 2, RECENT + 1)
    assert told.rows_per_second == pytest.approx(2 / told.seconds)


def test_sizes_are_told_in_order() -> None:
    latency = Latency()
    for rows, elements in ((8, 1), (1, 9), (1, 2)):
        latency.observe(rows, elements, 1.0)
    assert [(each.rows, each.elements) for each in latency.measured()] == [(1, 2), (1, 16), (8, 1)]


def test_padding_is_worth_nothing_known_until_two_sizes_ran_and_anything_where_elements_cost_nothing() -> None:
    latency = Latency()
    times(latency, 1, 8, 1.0)
    assert latency.overhead == DEFAULT_OVERHEAD
    times(latency, 8, 8, 1.0)
    assert latency.overhead == float("inf")
    times(latency, 16, 8, 0.1, 99)
    assert latency.fixed > 0


def test_a_device_that_becomes_slower_is_noticed() -> None:
    latency = measured(1.0, 0.1)
    for _ in range(60):
        for size in (1, 4, 16):
            latency.observe(size, 3, 2 * (1.0 + 0.3 * size))
    assert latency.fixed == pytest.approx(2.0, rel=0.01)
    assert latency.work(0, 1) == pytest.approx(0.2, rel=0.01)
