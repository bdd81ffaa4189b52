"""Makes a wide drawing narrower without a box on another, and keeps straight what need not bend. Pure numbers."""

from __future__ import annotations

from collections.abc import Sequence

from training.report.crossings import Rows

LOOSE = 1.35
"""A drawing may be this much wider than its widest row."""


def squeezed(rows: Rows, middles: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """All distances shortened alike, then every row moved apart as little as its boxes need."""
    most = LOOSE * max((sum(widths[cell] + gap for cell in row) for row in rows), default=0.0)
    found = list(middles)
    width = max(found, default=0.0) - min(found, default=0.0)
    if width <= most:
        return found
    for row in rows:
        for cell, middle in zip(
            row, apart(row, [found[cell] * most / width for cell in row], widths, gap), strict=True
        ):
            found[cell] = middle
    return found


def apart(row: Sequence[int], wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """The middles nearest to those wanted, in the row's order and without overlap.

    The least squares under these bounds: neighbours that want to overlap merge into a block (isotonic regression).
    """
    offset, offsets = 0.0, list[float]()
    for place, cell in enumerate(row):
        offset += (widths[row[place - 1]] + widths[cell]) / 2 + gap if place else 0.0
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []
    for middle, shift in zip(wanted, offsets, strict=True):
        value, size = middle - shift, 1
        while blocks and blocks[-1][0] >= value:
            other, many = blocks.pop()
            value, size = (other * many + value * size) / (many + size), many + size
        blocks.append((value, size))
    starts = [value for value, size in blocks for _ in range(size)]
    return [start + shift for start, shift in zip(starts, offsets, strict=True)]
