"""The picture of a graph as a PNG file, for where no page can be shown. Imports matplotlib: import it late."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from training.report.layout import Point
from training.report.picture import FONT, LINE, PADDING_DOWN, Box, Curve, Picture
from training.report.png import as_png, drawing

INCH = 100.0
"""Units of a picture to the inch."""
MOST_PIXELS = 5e6
FILLS = {
    "input": ("#dbeafe", "#2563eb"), "head": ("#dcfce7", "#15803d"), "weights": ("#f3f4f6", "#6b7280"),
    "plain": ("#ffffff", "#b6bcc6"), "model": ("#ede9fe", "#7c3aed"),
}  # fmt: skip
TINTS = (("#ffedd5", "#ea580c"), ("#fce7f3", "#db2777"), ("#cffafe", "#0891b2"), ("#fef9c3", "#a16207"))
WEIGHTS = {"title": ("bold", "#111827"), "text": ("normal", "#111827"), "fine": ("normal", "#4b5563")}


def to_png(picture: Picture) -> bytes:
    width, height = picture.width / INCH, picture.height / INCH
    with drawing():
        figure = Figure(figsize=(width, height), dpi=min(150.0, (MOST_PIXELS / (width * height)) ** 0.5))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, picture.width)
        axes.set_ylim(picture.height, 0)
        axes.set_axis_off()
        for (x, y), (other_x, other_y) in picture.ties:
            axes.plot([x, other_x], [y, other_y], color="#9a6b3f", linewidth=1.2, linestyle=":")
        for curve in picture.curves:
            draw_edge(axes, curve)
        for box in picture.boxes:
            draw_box(axes, box)
        return as_png(figure)


def draw_edge(axes: Axes, curve: Curve) -> None:
    style = "--" if curve.aside else "-"
    axes.add_patch(
        FancyArrowPatch(
            path=bent(curve.points), arrowstyle="-|>", mutation_scale=8, linewidth=0.9, linestyle=style,
            color="#6b7280", shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    if curve.label:
        (x, y), (last_x, last_y) = curve.points[-3:-1]
        axes.text((x + last_x) / 2 + 6, (y + last_y) / 2, curve.label, fontsize=points(11), va="center")


def bent(places: tuple[Point, ...]) -> Path:
    vertices, codes = [places[0]], [Path.MOVETO]
    for start, end in pairwise(places):
        middle = (start[1] + end[1]) / 2
        straight = start[0] == end[0]
        if start != end:
            vertices += [end] if straight else [(start[0], middle), (end[0], middle), end]
            codes += [Path.LINETO] if straight else [Path.CURVE4] * 3
    return Path(vertices, codes)


def draw_box(axes: Axes, box: Box) -> None:
    place = box.place
    fill, border = TINTS[box.tint % len(TINTS)] if box.style == "shared" else FILLS[box.style]
    corner = place.height / 2 if box.style in ("input", "head") else 6.0
    axes.add_patch(
        FancyBboxPatch(
            (place.x - place.width / 2, place.y), place.width, place.height, facecolor=fill, edgecolor=border,
            boxstyle=f"round,pad=0,rounding_size={min(corner, place.width / 2)}", linewidth=1.0,
        )
    )  # fmt: skip
    for number, line in enumerate(box.lines):
        weight, colour = WEIGHTS[line.weight]
        y = place.y + PADDING_DOWN + LINE * (number + 0.5)
        axes.text(
            place.x, y, line.text, fontsize=points(FONT[line.weight] * 0.92), ha="center", va="center",
            fontweight=weight, color=colour,
        )  # fmt: skip


def points(units: float) -> float:
    return units * 72 / INCH
