"""The order of cells within the rows of a layered drawing, so that few links cross. Pure numbers, no graph theory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

Rows = list[list[int]]
Links = Sequence[tuple[int, int]]
"""Pairs of (cell above, cell in the row just below)."""
SWEEPS = 12


def ordered(rows: Rows, links: Links) -> Rows:
    """The best order that sweeping down and up has met: each row by the mean place of its neighbours (Sugiyama)."""
    above, below = neighbours(links)
    best, fewest = [list(row) for row in rows], crossings(rows, links)
    rows = [list(row) for row in rows]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = rows[number - 1 if down else number + 1]
            rows[number] = by_mean_place(rows[number], fixed, above if down else below)
        count = crossings(rows, links)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def by_mean_place(row: list[int], fixed: list[int], near: Mapping[int, list[int]]) -> list[int]:
    """Cells without a neighbour in the fixed row keep their place."""
    places = {cell: place for place, cell in enumerate(fixed)}
    means = {}
    for place, cell in enumerate(row):
        found = [places[other] for other in near.get(cell, ()) if other in places]
        scale = max(len(fixed), 1) / max(len(row), 1)
        means[cell] = sum(found) / len(found) if found else place * scale
    return sorted(row, key=means.__getitem__)


def crossings(rows: Rows, links: Links) -> int:
    """How many pairs of links cross, when every row is spread evenly."""
    places = {cell: place for row in rows for place, cell in enumerate(row)}
    rank = {cell: number for number, row in enumerate(rows) for cell in row}
    total = 0
    for number in range(len(rows) - 1):
        pairs = sorted((places[top], places[bottom]) for top, bottom in links if rank[top] == number)
        seen: list[int] = []
        for _, bottom in reversed(pairs):
            total += bisect_left(seen, bottom)
            insort(seen, bottom)
    return total


def neighbours(links: Links) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """By cell: those above it, those below it."""
    above, below = dict[int, list[int]](), dict[int, list[int]]()
    for top, bottom in links:
        above.setdefault(bottom, []).append(top)
        below.setdefault(top, []).append(bottom)
    return above, below
