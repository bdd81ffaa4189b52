"""The picture of a graph as SVG for a page whose style sheet has the colours. Text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from training.report.layout import Point
from training.report.markup import text
from training.report.picture import FONT, LINE, PADDING_DOWN, Box, Curve, Picture

MARKS = (
    '<defs><marker id="{0}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0.8 7.4 4 0 7.2z"/></marker></defs>'
)
SMALLEST = 0.5
"""A wide picture shrinks to the page as far as this; then it scrolls."""


def to_svg(picture: Picture, name: str) -> str:
    """`name` is an id of this picture within its page."""
    width, height = picture.width, picture.height
    pieces = [
        f'<svg class="graph" role="img" aria-label="{text(picture.alt)}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px;min-width:{width * SMALLEST:.0f}px">',
        MARKS.format(name),
        *(f'<path class="tie" d="M{point(a)}L{point(b)}"/>' for a, b in picture.ties),
        *(line for curve in picture.curves for line in edge(curve, name)),
        *(line for box in picture.boxes for line in node(box)),
        "</svg>",
    ]
    return "\n".join(pieces)


def edge(curve: Curve, name: str) -> Iterator[str]:
    kind = "edge aside" if curve.aside else "edge"
    yield f'<path class="{kind}" d="{path(curve.points)}" marker-end="url(#{name})"/>'
    if curve.label:
        (x, y), (last_x, last_y) = curve.points[-3:-1]
        yield f'<text class="fine" x="{(x + last_x) / 2 + 6:.0f}" y="{(y + last_y) / 2 + 4:.0f}">{curve.label}</text>'


def path(points: tuple[Point, ...]) -> str:
    """Straight past a row, bent in the gaps between rows."""
    drawn = [f"M{point(points[0])}"]
    for start, end in pairwise(points):
        if start[0] == end[0]:
            drawn += [f"V{end[1]:.1f}"] if start != end else []
            continue
        middle = (start[1] + end[1]) / 2
        drawn.append(f"C{point((start[0], middle))} {point((end[0], middle))} {point(end)}")
    return "".join(drawn)


def node(box: Box) -> Iterator[str]:
    place = box.place
    corner = place.height / 2 if box.style in ("input", "head") else 6
    tint = f" tint{box.tint % 4}" if box.style == "shared" else ""
    yield f'<g class="node {box.style}{tint}"><title>{text(box.tip)}</title>'
    yield (
        f'<rect x="{place.x - place.width / 2:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="{corner:.0f}"/>'
    )
    for number, line in enumerate(box.lines):
        y = place.y + PADDING_DOWN + LINE * number + LINE * 0.76
        yield (
            f'<text class="{line.weight}" x="{place.x:.1f}" y="{y:.1f}" font-size="{FONT[line.weight]:g}">'
            f"{text(line.text)}</text>"
        )
    yield "</g>"


def point(place: Point) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"
