"""Small pieces of HTML: text made safe, numbers made readable, tables and bars. Knows nothing of models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape


class Html(str):
    """Markup that is ready to stand in a page; any other string is text."""

    __slots__ = ()


def text(value: str | float) -> Html:
    """Escaped, and without characters that no page may hold."""
    if isinstance(value, Html):
        return value
    said = value if isinstance(value, str) else number(value)
    return Html(escape("".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in said)))


def number(value: float) -> str:
    """Whole numbers with thousands marked, others with about three digits."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if 1e-9 < size < 0.0005:
        return f"{value:.1e}"
    return f"{value:,.{3 if size < 1 else 2 if size < 100 else 1 if size < 10_000 else 0}f}".replace("-", "−")


def join(pieces: Iterable[str]) -> Html:
    """Pieces one after the other: text among them is escaped."""
    return Html("\n".join(text(piece) for piece in pieces if piece))


def element(tag: str, *inside: str, **attributes: str) -> Html:
    """`kind` is the class, `name` the id."""
    names = {"kind": "class", "name": "id"}
    said = "".join(f' {names.get(key, key)}="{text(value)}"' for key, value in attributes.items() if value)
    return Html(f"<{tag}{said}>{join(inside)}</{tag}>")


def bar(part: float, kind: str = "bar") -> Html:
    """Part of a full line, from 0 to 1; what is no number is empty."""
    width = 100 * min(max(part, 0.0), 1.0) if math.isfinite(part) else 0.0
    return Html(f'<span class="{kind}"><i style="width:{width:.1f}%"></i></span>')


def table(columns: Sequence[str], rows: Iterable[Sequence[str | float]], kinds: Sequence[str] = ()) -> Html:
    """`kinds` are the columns' classes; without them the first holds words and the others numbers."""
    kinds = kinds or ["", *["number"] * (len(columns) - 1)]
    head = [element("th", column, kind=kind) for column, kind in zip(columns, kinds, strict=True)]
    body = [
        element("tr", *(element("td", text(cell), kind=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    return element("table", element("thead", element("tr", *head)), element("tbody", *body))


def pairs(values: Mapping[str, str | float]) -> Html:
    """Names with their values, as a list of definitions."""
    return element("dl", *(join([element("dt", name), element("dd", text(value))]) for name, value in values.items()))


def section(name: str, title: str, *inside: str) -> Html:
    """Nothing where there is nothing inside."""
    return element("section", element("h2", title), *inside, name=name) if any(inside) else Html("")
