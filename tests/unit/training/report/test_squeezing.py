"""A drawing that is far wider than its widest row becomes narrower; any other stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.report.squeezing import LOOSE, apart, squeezed

WIDTHS = [40.0, 40.0, 40.0, 40.0]


def test_a_wide_drawing_is_made_narrower_and_what_was_straight_stays_straight() -> None:
    rows = [[0, 1], [2, 3]]
    found = squeezed(rows, [0.0, 1_000.0, 0.0, 500.0], WIDTHS, gap=10.0)

    assert found[1] == pytest.approx(LOOSE * 100.0)
    assert found[0] == found[2] == 0.0
    assert found[3] == pytest.approx(found[1] / 2)


def test_a_drawing_that_is_narrow_enough_stays() -> None:
    assert squeezed([[0, 1], [2, 3]], [0.0, 60.0, 5.0, 70.0], WIDTHS, gap=10.0) == [0.0, 60.0, 5.0, 70.0]


@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(1, 90)), min_size=1, max_size=12))
def test_boxes_are_moved_apart_in_their_order(boxes: list[tuple[float, float]]) -> None:
    wanted, widths = [middle for middle, _ in boxes], [width for _, width in boxes]
    row = list(range(len(boxes)))
    found = apart(row, wanted, widths, gap=5.0)

    for left in row[:-1]:
        assert found[left + 1] - found[left] >= (widths[left] + widths[left + 1]) / 2 + 5.0 - 1e-6


def test_boxes_with_room_stand_where_they_are_wanted() -> None:
    assert apart([0, 1], [0.0, 100.0], [20.0, 20.0], gap=5.0) == [0.0, 100.0]
    assert apart([0, 1], [50.0, 50.0], [20.0, 20.0], gap=10.0) == [35.0, 65.0]
