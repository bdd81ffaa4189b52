"""Reads folders of sentence pairs with a similarity: TSV or CSV files as the public sets have them.

A row that cannot be used is reported with its file and line, and the rest goes on. Knows no tokens and no model.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.datasets.pair_layouts import Layout, Unreadable, find_layout
from training.datasets.parts import PARTS, Part, part_of

MAX_CHARACTERS = 1_000
MAX_WORDS = 200
HELD_OUT_SHARE = 0.1
SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Pair:
    """Two sentences and how similar they are, from 0 to 1; `kind` cuts the held-out figures."""

    left: str
    right: str
    similarity: float
    kind: str = ""


@dataclass
class Pairs:
    """What a folder holds, by the use that is made of it."""

    train: list[Pair] = field(default_factory=list)
    held_out: list[Pair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A usable row, and its part where a column of the file tells it."""

    pair: Pair
    part: Part | None


def read(folder: Path, seed: int) -> Pairs:
    """Every pair of the folder to train on, and those held out. Raises ValueError when there are none.

    Files named `dev`, `val` or `trial` are held out; without one, those named `test`; else a tenth of the pairs. A
    `test` file that is not needed is not opened.
    """
    found = Pairs()
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES)
    read_files([path for path in files if part_of(path.stem) != "test"], found)
    if not found.held_out:
        read_files([path for path in files if part_of(path.stem) == "test"], found)
    if not found.held_out:
        found.train, found.held_out = split(found.train, np.random.default_rng([seed, len(found.train)]))
    if not found.train or not found.held_out:
        told = "".join(f"\n  {problem}" for problem in found.problems[:5])
        raise ValueError(f"no sentence pairs to train on in {folder}: {Layout.EXPECTED}{told}")
    return found


def read_files(files: list[Path], found: Pairs) -> None:
    for path in files:
        named = part_of(path.stem)
        try:
            layout = find_layout(path)
        except Unreadable as error:
            if named is not None:
                found.problems.append(f"{path.name}:1: {error}")
            continue
        left_alone = 0
        for row in rows(path, layout, found.problems):
            part = row.part or named or "train"
            left_alone += row.part == "test"
            if row.part != "test":
                (found.train if part == "train" else found.held_out).append(row.pair)
        if left_alone:
            found.problems.append(f"{path.name}: {left_alone:,} rows of its test part are left alone")


def rows(path: Path, layout: Layout, problems: list[str]) -> Iterator[Row]:
    """The usable rows of one file; the others go to `problems`."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        reader = csv.reader(lines, **layout.dialect)
        first, header = 1, 0
        while True:
            try:
                record = next(reader)
                if layout.header and first == 1:
                    header = len(record)
                elif any(each.strip() for each in record):
                    refuse_more(record, header)
                    yield row(record, layout)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                through = f" (lines {first} to {reader.line_num} read as one row)" if reader.line_num > first else ""
                problems.append(f"{path.name}:{first}: {error}{through}")
            first = reader.line_num + 1


def refuse_more(record: list[str], header: int) -> None:
    """A separator inside a sentence shifts all that follows; only a header can tell. Raises ValueError."""
    if header and any(each.strip() for each in record[header:]):
        raise ValueError(f"expected {header} fields, as in the header, got {len(record)}")


def row(record: list[str], layout: Layout) -> Row:
    """Raises ValueError for what cannot be used."""
    if len(record) <= layout.last_needed:
        raise ValueError(f"expected at least {layout.last_needed + 1} fields, got {len(record)}")
    sentences = [sentence(record[place]) for place in (layout.left, layout.right)]
    kind = record[layout.kind].strip() if layout.kind is not None else ""
    part = PARTS.get(record[layout.part].strip().lower()) if layout.part is not None else None
    return Row(Pair(sentences[0], sentences[1], score(record[layout.score], layout), kind), part)


def sentence(field: str) -> str:
    text = " ".join(field.split())
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("not UTF-8")
    words = len(WORD.findall(text))
    if not words:
        raise ValueError("a sentence without words")
    if words > MAX_WORDS or len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"a sentence of {words:,} words and {len(text):,} characters; at most {MAX_WORDS} and {MAX_CHARACTERS:,}"
        )
    return text


def score(field: str, layout: Layout) -> float:
    """The score as a share of its range."""
    try:
        number = float(field)
    except ValueError:
        raise ValueError(f"expected a score from {layout.low:g} to {layout.high:g}, got {field!r}") from None
    if not layout.low <= number <= layout.high:  # neither is NaN
        raise ValueError(f"expected a score from {layout.low:g} to {layout.high:g}, got {field!r}")
    return (number - layout.low) / (layout.high - layout.low)


def split(pairs: list[Pair], random: np.random.Generator) -> tuple[list[Pair], list[Pair]]:
    """A share is held out. The same two sentences, in either order, fall on the same side."""
    keys = sorted({tuple(sorted((each.left, each.right))) for each in pairs})
    held = {keys[place] for place in random.permutation(len(keys))[: round(len(keys) * HELD_OUT_SHARE)]}
    inside = [tuple(sorted((each.left, each.right))) in held for each in pairs]
    return (
        [each for each, out in zip(pairs, inside, strict=True) if not out],
        [each for each, out in zip(pairs, inside, strict=True) if out],
    )
