"""A layered drawing of a directed acyclic graph: boxes in rows, every edge downwards. Knows sizes and names alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from training.report.crossings import ordered
from training.report.spacing import positions
from training.report.squeezing import squeezed

GAP_ACROSS, GAP_DOWN = 26.0, 36.0
BEND = 10.0
"""Width of the lane that a long edge keeps free in the rows it passes."""
Point = tuple[float, float]
Size = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A box: its middle from left to right, its upper edge, its size, and its row counted from the top."""

    x: float
    y: float
    width: float
    height: float
    row: int


@dataclass(frozen=True)
class Route:
    """An edge from the lower side of one box to the upper side of another: straight down to the end of its row,
    across the gap to the next row, straight down past that one … Stretches may have no length."""

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    places: Mapping[str, Place]
    routes: tuple[Route, ...]


def layered(sizes: Mapping[str, Size], edges: Iterable[tuple[str, str]]) -> Layout:
    """Places every box; an edge given twice has one route. Raises ValueError where the edges go round in a circle."""
    names, edges = list(sizes), list(dict.fromkeys(edges))
    rank = ranks(names, edges)
    cells = {name: number for number, name in enumerate(names)}
    widths = [sizes[name][0] for name in names]
    rows: list[list[int]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for name in names:
        rows[rank[name]].append(cells[name])
    chains = []
    for source, target in edges:
        lanes = []
        for row in range(rank[source] + 1, rank[target]):
            lanes.append(len(widths))
            rows[row].append(len(widths))
            widths.append(BEND)
        chains.append([cells[source], *lanes, cells[target]])
    links = [pair for chain in chains for pair in pairwise(chain)]
    bends = set(range(len(names), len(widths)))
    rows = ordered(rows, links)
    middles = squeezed(rows, positions(rows, links, widths, bends, GAP_ACROSS), widths, GAP_ACROSS)
    return drawn(sizes, rank, widths, middles, chains)


def drawn(
    sizes: Mapping[str, Size],
    rank: Mapping[str, int],
    widths: Sequence[float],
    middles: Sequence[float],
    chains: Sequence[Sequence[int]],
) -> Layout:
    """Rows from top to bottom, each as high as its highest box, everything moved to start at 0."""
    left = min((middle - width / 2 for middle, width in zip(middles, widths, strict=True)), default=0.0)
    right = max((middle + width / 2 for middle, width in zip(middles, widths, strict=True)), default=0.0)
    names = list(sizes)
    heights = [0.0] * (max(rank.values(), default=-1) + 1)
    for name in names:
        heights[rank[name]] = max(heights[rank[name]], sizes[name][1])
    tops = [sum(heights[:row]) + GAP_DOWN * row for row in range(len(heights))]
    places = {}
    for number, name in enumerate(names):
        (width, height), row = sizes[name], rank[name]
        y = tops[row] + (heights[row] - height) / 2
        places[name] = Place(middles[number] - left, y, width, height, row)
    routes = tuple(
        route(chain, names, places, [middle - left for middle in middles], tops, heights) for chain in chains
    )
    return Layout(right - left, tops[-1] + heights[-1] if tops else 0.0, places, routes)


def route(
    chain: Sequence[int],
    names: Sequence[str],
    places: Mapping[str, Place],
    middles: Sequence[float],
    tops: Sequence[float],
    heights: Sequence[float],
) -> Route:
    source, target = places[names[chain[0]]], places[names[chain[-1]]]
    start, end = port(source, middles[chain[1]]), port(target, middles[chain[-2]])
    points = [(start, source.y + source.height), (start, tops[source.row] + heights[source.row])]
    for row, lane in enumerate(chain[1:-1], source.row + 1):
        points += [(middles[lane], tops[row]), (middles[lane], tops[row] + heights[row])]
    points += [(end, tops[target.row]), (end, target.y)]
    return Route(names[chain[0]], names[chain[-1]], tuple(points))


def port(place: Place, towards: float) -> float:
    """Where an edge touches a box: off the middle on the side that it comes from, so that edges fan out."""
    furthest = place.width * 0.32
    return place.x + max(-furthest, min(furthest, (towards - place.x) * 0.3))


def ranks(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The row of each: one below the lowest of those it depends on. Raises ValueError."""
    below: dict[str, list[str]] = {name: [] for name in names}
    missing = dict.fromkeys(names, 0)
    for source, target in edges:
        below[source].append(target)
        missing[target] += 1
    rank = {name: 0 for name in names if not missing[name]}
    ready = list(rank)
    for source in ready:
        for target in below[source]:
            rank[target] = max(rank.get(target, 0), rank[source] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    if len(ready) != len(names):
        raise ValueError(f"these edges go round in a circle: {', '.join(sorted(set(names) - set(ready)))}")
    return rank
