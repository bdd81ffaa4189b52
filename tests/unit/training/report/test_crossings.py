"""Counting crossings, and finding an order with few of them."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from training.report.crossings import crossings, ordered

LINKS = st.sets(st.tuples(st.integers(0, 5), st.integers(6, 11)), max_size=20)
ROWS = [list(range(6)), list(range(6, 12))]


@given(LINKS)
def test_crossings_are_counted(links: set[tuple[int, int]]) -> None:
    expected = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(links, 2))

    assert crossings(ROWS, sorted(links)) == expected


@given(LINKS)
def test_an_order_is_never_worse_than_the_first_and_keeps_the_rows(links: set[tuple[int, int]]) -> None:
    found = ordered(ROWS, sorted(links))

    assert [sorted(row) for row in found] == ROWS
    assert crossings(found, sorted(links)) <= crossings(ROWS, sorted(links))


def test_a_tangle_that_can_be_undone_is_undone() -> None:
    links = [(top, 11 - top) for top in range(6)]

    assert crossings(ROWS, links) == 15
    assert crossings(ordered(ROWS, links), links) == 0


def test_without_a_crossing_the_given_order_stays() -> None:
    assert ordered(ROWS, [(0, 6), (5, 11)]) == ROWS
