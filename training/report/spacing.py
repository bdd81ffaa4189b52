"""Where the cells of ordered rows stand from left to right, after Brandes and Köpf (2002): straight wherever a row
leaves room, and never on one another. Pure numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean

from training.report.crossings import Links, Rows, neighbours

Pair = tuple[int, int]


def positions(rows: Rows, links: Links, widths: Sequence[float], bends: set[int], gap: float) -> list[float]:
    """The middle of every cell, by cell; `bends` are the cells that long edges pass through.

    Four drawings, each pushed to one side and aligned with the rows above or below, are averaged.
    """
    above, below = neighbours(links)
    taboo = yielding(rows, links, bends)
    drawings = []
    for near, order in ((above, rows), (below, rows[::-1])):
        for sign in (1, -1):
            turned = [row[::sign] for row in order]
            middles = packed(turned, aligned(turned, near, taboo), widths, gap)
            drawings.append([sign * middle for middle in middles])
    return balanced(drawings, widths)


def yielding(rows: Rows, links: Links, bends: set[int]) -> set[Pair]:
    """Links that cross the lane of a long edge: the lane stays straight, they do not."""
    places = {cell: place for row in rows for place, cell in enumerate(row)}
    rank = {cell: number for number, row in enumerate(rows) for cell in row}
    by_row: list[list[Pair]] = [[] for _ in rows]
    for top, bottom in links:
        by_row[rank[top]].append((top, bottom))
    return {
        (top, bottom)
        for pairs in by_row
        for lane in pairs
        if bends.issuperset(lane)
        for top, bottom in pairs
        if (top not in bends or bottom not in bends)
        and (places[top] - places[lane[0]]) * (places[bottom] - places[lane[1]]) < 0
    }


def aligned(rows: Rows, near: Mapping[int, list[int]], taboo: set[Pair]) -> dict[int, int]:
    """Blocks of cells that stand in one line, as the first cell of each cell's block.

    A cell joins the middle one of its neighbours in the row before, unless that crosses an earlier alignment.
    """
    first = {cell: cell for row in rows for cell in row}
    for before, row in pairwise(rows):
        places = {cell: place for place, cell in enumerate(before)}
        used = -1
        for cell in row:
            candidates = sorted(near.get(cell, ()), key=places.__getitem__)
            count = len(candidates)
            for other in candidates[(count - 1) // 2 : count // 2 + 1] if count else ():
                crosses = places[other] <= used or (other, cell) in taboo or (cell, other) in taboo
                if first[cell] == cell and not crosses:
                    first[cell], used = first[other], places[other]
    return first


def packed(rows: Rows, first: Mapping[int, int], widths: Sequence[float], gap: float) -> list[float]:
    """Every block as far left as those to its left allow, and then as far right as those to its right do."""
    right: dict[int, dict[int, float]] = {block: {} for block in first.values()}
    for row in rows:
        for one, other in pairwise(row):
            distance = (widths[one] + widths[other]) / 2 + gap
            block, next_block = first[one], first[other]
            right[block][next_block] = max(right[block].get(next_block, 0.0), distance)
    order = from_left(right)
    start = dict.fromkeys(order, 0.0)
    for block in order:
        for other, distance in right[block].items():
            start[other] = max(start[other], start[block] + distance)
    for block in reversed(order):
        if right[block]:
            start[block] = max(start[block], min(start[other] - far for other, far in right[block].items()))
    return [start[first[cell]] for cell in range(len(widths))]


def from_left(right: Mapping[int, Mapping[int, float]]) -> list[int]:
    """The blocks in an order in which each comes after those to its left."""
    waiting = dict.fromkeys(right, 0)
    for others in right.values():
        for other in others:
            waiting[other] += 1
    order = [block for block, count in waiting.items() if not count]
    for block in order:
        for other in right[block]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def balanced(drawings: Sequence[Sequence[float]], widths: Sequence[float]) -> list[float]:
    """The mean of the middle two of four drawings, laid on the narrowest: on its left or right side in turn."""
    if not widths:
        return []
    sides = [
        (
            min(middle - width / 2 for middle, width in zip(drawing, widths, strict=True)),
            max(middle + width / 2 for middle, width in zip(drawing, widths, strict=True)),
        )
        for drawing in drawings
    ]
    left, right = min(sides, key=lambda side: side[1] - side[0])
    shifts = [left - side[0] if turn % 2 == 0 else right - side[1] for turn, side in enumerate(sides)]
    moved = [[middle + shift for middle in drawing] for drawing, shift in zip(drawings, shifts, strict=True)]
    return [mean(sorted(each)[1:3]) for each in zip(*moved, strict=True)]
