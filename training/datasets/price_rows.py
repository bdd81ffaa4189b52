"""Reads items with prices: JSON lines or CSV of metadata, `description`, `photo` and `price`.

A photo is named by its path from the file's folder on. Metadata are an object `metadata`, or every column that is none
of these. A row that cannot be used is reported with file, line and reason, and the rest goes on. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from models.preprocessing import Image, InvalidValue, Record, encoder
from models.signature import TensorSpec
from training.datasets import price_fields
from training.datasets.parts import PARTS, Part, part_of
from training.datasets.records import Row, number_of, read_records, record_files, shortened, text_of
from training.recipe import Split

NOT_METADATA = frozenset({"metadata", "description", "photo", "price", "split"})
HELD_OUT_SHARE = 0.1
MOST_CHARACTERS = 4_000
MOST = 1e9
"""No price reaches this."""
PHOTO = encoder(Image(), TensorSpec("float32", (32, 32, 3)), Path())
"""What a photo has to pass, whatever the size it is needed in."""


@dataclass(frozen=True)
class Item:
    """One row that can be used, but for what its metadata mean."""

    where: str
    metadata: Mapping[str, object]
    description: str
    photo: bytes
    price: float


@dataclass
class Items:
    """What a folder holds."""

    train: list[Item] = field(default_factory=list)
    held_out: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(folder: Path, seed: int) -> tuple[Items, Record]:
    """Every usable row, its metadata typed, and their fields. Raises ValueError when there are fewer than two.

    Rows of a split (a column, else a word of the file's name) `validation`, `valid`, `val` or `dev` are held out;
    without any, a share of all, drawn by seed.
    """
    items = Items()
    for path in record_files(folder):
        add(items, path)
    if not items.held_out:
        hold_out(items, np.random.default_rng([seed, 71]))
    metadata = [each.metadata for each in items.train]
    fields = price_fields.record(metadata)
    items.problems.extend(f"{folder.name}: {why}" for why in price_fields.left_out(metadata, fields))
    items.train, items.held_out = (typed(part, fields, items.problems) for part in (items.train, items.held_out))
    if not items.train or not items.held_out:
        said = "".join(f"\n{problem}" for problem in items.problems)
        raise ValueError(f"{folder} needs two usable rows: one to train on, one to judge by{said}")
    return items, fields


def add(items: Items, path: Path) -> None:
    """All rows of one file."""
    tests = 0
    for line, row in read_records(path, items.problems, ("description", "photo", "price")):
        try:
            part = part_of_row(path, row)
            if part == "test":
                tests += 1
                continue
            found = item(path, line, row)
        except (ValueError, OSError) as error:
            items.problems.append(f"{path.name}:{line}: {error}")
        else:
            (items.held_out if part == "held_out" else items.train).append(found)
    if tests:
        items.problems.append(f"{path.name}: {tests:,} rows of the split test, neither trained on nor judged by")


def part_of_row(path: Path, row: Row) -> Part:
    """What the row's column says, else its file's name: `test-00000.jsonl`. Raises ValueError for an unknown word."""
    cell = row.get("split")
    said = "" if cell is None else str(cell).strip().lower()
    if said and said not in PARTS:
        raise ValueError(f"split is none of {', '.join(PARTS)}: {shortened(cell)}")
    if said:
        return PARTS[said]
    return part_of(path.name) or "train"


def item(path: Path, line: int, row: Row) -> Item:
    """Raises ValueError or OSError with what is wrong with the row."""
    metadata = row.get("metadata", {name: cell for name, cell in row.items() if name not in NOT_METADATA})
    if not isinstance(metadata, dict) or not metadata:
        raise ValueError("no metadata: neither an object `metadata` nor any column beside the known ones")
    price = number_of(row, "price")
    if not 0 < price < MOST:
        raise ValueError(f"price is not positive: {price:g}")
    return Item(f"{path.name}:{line}", metadata, described(text_of(row, "description")), photo(path, row), price)


def described(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"description has {len(text):,} characters, more than {MOST_CHARACTERS:,}")
    return text


def photo(path: Path, row: Row) -> bytes:
    """The bytes of a file that can be read as a photo."""
    name = text_of(row, "photo")
    found = path.parent / name
    if not found.is_file():
        raise ValueError(f"photo: there is no file {name}")
    data = found.read_bytes()
    try:
        PHOTO.encode(data)
    except InvalidValue as error:
        raise ValueError(f"photo {name}: {error}") from None
    return data


def typed(part: Sequence[Item], fields: Record, problems: list[str]) -> list[Item]:
    """The rows whose metadata are what the fields take."""
    if not part or not fields.fields:
        return []
    check = encoder(fields, TensorSpec("float32", (fields.width,)), Path())
    kept = []
    for each in part:
        try:
            metadata = price_fields.typed(each.metadata, fields)
            check.encode(metadata)
        except ValueError as error:
            problems.append(f"{each.where}: {error}")
        else:
            kept.append(replace(each, metadata=metadata))
    return kept


def hold_out(items: Items, random: np.random.Generator) -> None:
    count = max(1, round(len(items.train) * HELD_OUT_SHARE))
    held = set(random.permutation(len(items.train))[:count].tolist())
    items.held_out = [items.train[place] for place in sorted(held)]
    items.train = [each for place, each in enumerate(items.train) if place not in held]


def columns(part: Sequence[Item]) -> Split:
    """The items as named inputs and a named target."""
    return Split(
        inputs={
            "metadata": [each.metadata for each in part],
            "description": [each.description for each in part],
            "photo": [each.photo for each in part],
        },
        targets={"price": np.array([each.price for each in part], np.float32)},
    )
