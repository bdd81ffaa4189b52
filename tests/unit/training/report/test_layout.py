"""The layered layout: everything goes down, nothing stands on anything else, and edges keep clear of boxes."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.report.layout import Layout, Place, layered, ranks

SIZES = st.tuples(st.floats(20, 200), st.floats(20, 90))
NEAR = 1e-6


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """Boxes of any size, and edges from earlier ones to later ones."""
    count = draw(st.integers(1, 14))
    sizes = {f"n{number}": draw(SIZES) for number in range(count)}
    pairs = [(one, other) for one, other in combinations(sizes, 2)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    return sizes, draw(st.permutations(edges))


@given(graphs())
def test_every_edge_goes_down(graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]) -> None:
    sizes, edges = graph
    places = layered(sizes, edges).places

    for source, target in edges:
        assert places[source].y + places[source].height < places[target].y


@given(graphs())
def test_no_two_boxes_overlap_and_all_are_inside(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]],
) -> None:
    sizes, edges = graph
    layout = layered(sizes, edges)

    for one, other in combinations(layout.places.values(), 2):
        assert apart(one, other)
    for name, place in layout.places.items():
        assert (place.width, place.height) == sizes[name]
        assert place.x - place.width / 2 >= -NEAR
        assert place.x + place.width / 2 <= layout.width + NEAR
        assert place.y >= 0
        assert place.y + place.height <= layout.height + NEAR


@settings(max_examples=60)
@given(graphs())
def test_no_edge_passes_through_a_box(graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]) -> None:
    sizes, edges = graph
    layout = layered(sizes, edges)

    assert {(route.source, route.target) for route in layout.routes} == set(edges)
    for route in layout.routes:
        ends = (layout.places[route.source], layout.places[route.target])
        assert route.points[0][1] == ends[0].y + ends[0].height
        assert route.points[-1][1] == ends[1].y
        for start, end in pairwise(route.points):
            assert start[1] <= end[1] + NEAR
            for place in layout.places.values():
                assert place in ends or clear(place, start, end)


def apart(one: Place, other: Place) -> bool:
    across = abs(one.x - other.x) >= (one.width + other.width) / 2 - NEAR
    return across or one.y + one.height <= other.y or other.y + other.height <= one.y


def clear(place: Place, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether the rectangle that a stretch spans, and so the curve in it, does not touch the box."""
    left, right = sorted((start[0], end[0]))
    across = right <= place.x - place.width / 2 + NEAR or left >= place.x + place.width / 2 - NEAR
    return across or end[1] <= place.y + NEAR or start[1] >= place.y + place.height - NEAR


def test_a_chain_is_one_straight_line() -> None:
    layout = layered(dict.fromkeys("abcd", (50.0, 20.0)), [("a", "b"), ("b", "c"), ("c", "d")])

    assert len({place.x for place in layout.places.values()}) == 1
    assert [layout.places[name].row for name in "abcd"] == [0, 1, 2, 3]


def test_a_long_edge_beside_a_chain_is_straight() -> None:
    layout = layered(dict.fromkeys("abcde", (50.0, 20.0)), [*zip("abcd", "bcde", strict=True), ("a", "e")])

    lane = next(route for route in layout.routes if (route.source, route.target) == ("a", "e")).points[2:-2]
    assert len(lane) == 6
    assert len({round(x, 6) for x, _ in lane}) == 1


def test_branches_stand_side_by_side_in_their_order() -> None:
    edges = [("in", "left"), ("in", "right"), ("left", "out"), ("right", "out")]
    layout = layered(dict.fromkeys(("in", "left", "right", "out"), (50.0, 20.0)), edges)

    assert layout.places["left"].row == layout.places["right"].row
    assert layout.places["left"].x < layout.places["in"].x < layout.places["right"].x


def test_edges_that_can_be_drawn_without_crossing_do_not_cross() -> None:
    sizes = dict.fromkeys(("a", "b", "c", "x", "y", "z"), (50.0, 20.0))
    layout = layered(sizes, [("a", "z"), ("b", "y"), ("c", "x")])

    assert [by_x(layout, "abc")] == [[{"z": "a", "y": "b", "x": "c"}[name] for name in by_x(layout, "xyz")]]


def by_x(layout: Layout, names: str) -> list[str]:
    return sorted(names, key=lambda name: layout.places[name].x)


def test_an_edge_given_twice_has_one_route() -> None:
    assert len(layered({"a": (9.0, 9.0), "b": (9.0, 9.0)}, [("a", "b"), ("a", "b")]).routes) == 1


def test_nothing_needs_no_room() -> None:
    assert layered({}, []) == Layout(0.0, 0.0, {}, ())


def test_a_circle_is_refused_with_its_names() -> None:
    with pytest.raises(ValueError, match="go round in a circle: b, c"):
        ranks(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "b")])
