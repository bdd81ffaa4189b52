"""The part of a report's page about inputs and heads, with an example of each input. Knows no training."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

from models.signature import Head, Input, Signature
from training.report.markup import Html, element, number, text

LONGEST, LARGEST = 280, 90_000
PHOTOS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
SHOWN_LABELS = 12


def interface(signature: Signature) -> Html:
    return element(
        "div",
        *(element("div", *about_input(each), kind="card") for each in signature.inputs),
        *(element("div", *about_head(each), kind="card") for each in signature.heads),
        kind="sides",
    )


def about_input(each: Input) -> Iterator[str]:
    yield element("b", each.name)
    yield element("span", f" input · {each.spec.dtype} [{shape(each.spec.shape)}]", kind="soft fine")
    if each.description:
        yield element("p", each.description)
    if each.example is not None:
        yield example(each.example)


def about_head(head: Head) -> Iterator[str]:
    yield element("b", head.name)
    unit = f" in {head.unit}" if head.unit else ""
    yield element("span", f" head · {head.kind}{unit} · {head.spec.dtype} [{shape(head.spec.shape)}]", kind="soft fine")
    if head.description:
        yield element("p", head.description)
    if head.labels:
        more = len(head.labels) - SHOWN_LABELS
        said = ", ".join(head.labels[:SHOWN_LABELS]) + (f" … and {number(more)} more" if more > 0 else "")
        yield element("p", said, kind="soft fine")


def example(value: object) -> Html:
    """A photo as a photo, anything else as it would be written in a request."""
    kind = photo(value)
    if kind and isinstance(value, str):
        return Html(f'<img class="example" alt="an example" src="data:image/{kind};base64,{text(value)}">')
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return element("pre", said if len(said) <= LONGEST else f"{said[:LONGEST]}…")


def photo(value: object) -> str:
    """The format of base64 text that holds a small photo, else nothing."""
    if not isinstance(value, str) or not 16 <= len(value) <= LARGEST:
        return ""
    try:
        begins = base64.b64decode(value, validate=True)[:16]
    except (binascii.Error, ValueError):
        return ""
    return next((kind for magic, kind in PHOTOS.items() if begins.startswith(magic)), "")


def shape(sizes: tuple[int | None, ...]) -> str:
    return "×".join("?" if size is None else f"{size}" for size in sizes)
