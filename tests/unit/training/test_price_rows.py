"""Items with prices from CSV and JSON lines that the test writes: what is read, what is refused, with file and line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.preprocessing import Choice, Quantity
from training.datasets import price_fields, price_rows
from training.recipes.clothing_price import RECIPE

FIELDS = ("brand", "category", "size", "condition", "age_months")


def test_csv_has_the_metadata_as_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "items.csv", [row(tmp_path, number) for number in range(20)])

    items, record = price_rows.read(tmp_path, 0)

    assert items.problems == []
    assert (len(items.train), len(items.held_out)) == (18, 2)
    assert [each.name for each in record.fields] == list(FIELDS)
    first = next(each for each in [*items.train, *items.held_out] if each.where == "items.csv:2")
    assert first.metadata == {
        "brand": "Brand 0", "category": "dress", "size": "M", "condition": "good", "age_months": 0.0,
    }  # fmt: skip
    assert (first.description, first.price) == ("A dress, number 0.", 10.0)
    assert first.photo == (tmp_path / "photos/0.png").read_bytes()


def test_json_lines_may_nest_them(tmp_path: Path) -> None:
    """And the two ways may stand in one folder."""
    rows = [row(tmp_path, number) for number in range(20)]
    write_csv(tmp_path / "train.csv", rows[:10])
    nested = [
        {"metadata": {name: each[name] for name in FIELDS}, **{k: v for k, v in each.items() if k not in FIELDS}}
        for each in rows[10:]
    ]
    write_json(tmp_path / "val.jsonl", nested)

    items, _ = price_rows.read(tmp_path, 0)

    assert items.problems == []
    assert [each.where for each in items.held_out] == [f"val.jsonl:{line}" for line in range(1, 11)]
    assert [each.metadata["age_months"] for each in items.held_out[:3]] == [0.0, 7.0, 4.0]


def test_a_column_says_the_split_and_test_rows_are_counted(tmp_path: Path) -> None:
    splits = ["train", "train", "validation", "test", "test", "dev"]
    write_json(tmp_path / "all.jsonl", [{**row(tmp_path, n), "split": split} for n, split in enumerate(splits)])

    items, _ = price_rows.read(tmp_path, 0)

    assert (len(items.train), len(items.held_out)) == (2, 2)
    assert items.problems == ["all.jsonl: 2 rows of the split test, neither trained on nor judged by"]


@pytest.mark.parametrize("test", ["Test", " TEST ", "testing"])
@pytest.mark.parametrize("held_out", ["Validation", "valid", "VAL", "dev "])
def test_a_split_may_be_written_in_any_case(test: str, held_out: str, tmp_path: Path) -> None:
    splits = ["Train", " train", test, held_out, None, ""]
    write_json(tmp_path / "all.jsonl", [{**row(tmp_path, n), "split": split} for n, split in enumerate(splits)])

    items, _ = price_rows.read(tmp_path, 0)

    assert [each.where for each in items.train] == [f"all.jsonl:{line}" for line in (1, 2, 5, 6)]
    assert [each.where for each in items.held_out] == ["all.jsonl:4"]
    assert items.problems == ["all.jsonl: 1 rows of the split test, neither trained on nor judged by"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("test-00000.jsonl", "test"),
        ("Test.jsonl", "test"),
        ("items.test.jsonl", "test"),
        ("train_test.jsonl", "test"),
        ("validation-00000-of-00001.jsonl", "held_out"),
        ("clothes_VAL.jsonl", "held_out"),
        ("train-00001.jsonl", "train"),
        ("contest.jsonl", "train"),
    ],
)
def test_a_word_of_the_files_name_says_the_split(name: str, part: str, tmp_path: Path) -> None:
    write_json(tmp_path / "a-train.jsonl", [row(tmp_path, number) for number in range(2)])
    write_json(tmp_path / "b-dev.jsonl", [row(tmp_path, 2)])
    write_json(tmp_path / name, [row(tmp_path, 3)])

    items, _ = price_rows.read(tmp_path, 0)

    place = f"{name}:1"
    assert (place in [each.where for each in items.train]) == (part == "train")
    assert (place in [each.where for each in items.held_out]) == (part == "held_out")
    assert len(items.problems) == (part == "test")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"price": "-3"}, "price is not positive: -3"),
        ({"price": 0}, "price is not positive: 0"),
        ({"price": "ten"}, "price is not a number: 'ten'"),
        ({"price": None}, "no price"),
        ({"photo": "photos/none.png"}, "photo: there is no file photos/none.png"),
        ({"photo": "broken.png"}, "photo broken.png: expected"),
        ({"photo": "photos"}, "photo: there is no file photos"),
        ({"photo": 7}, "photo is not text: 7"),
        ({"description": " "}, "description is not text: ' '"),
        ({"description": "x" * 5_000}, "description has 5,000 characters, more than 4,000"),
        ({"size": ""}, "no size"),
        ({"size": None}, "no size"),
        ({"size": "x" * 201}, "size has 201 characters, more than 200"),
        ({"brand": "x" * 201}, "brand has 201 characters, more than 200"),
        ({"split": "holdout"}, "split is none of train, "),
        ({"split": 0}, "split is none of train, "),
        ({"age_months": "two years"}, "age_months is not a number: 'two years'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(changes: dict[str, object], why: str, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG, or so it says")
    rows = [row(tmp_path, number) for number in range(6)]
    rows[3] |= changes
    write_json(tmp_path / "items.jsonl", rows)

    items, _ = price_rows.read(tmp_path, 0)

    assert len(items.problems) == 1
    assert items.problems[0].startswith(f"items.jsonl:4: {why}")
    assert len(items.train) + len(items.held_out) == 5


def test_a_held_out_label_of_a_closed_field_has_to_occur_in_training(tmp_path: Path) -> None:
    write_json(tmp_path / "train.jsonl", [row(tmp_path, number) for number in range(4)])
    held = [row(tmp_path, number) for number in (4, 5, 6)]
    held[0]["category"] = "tent"
    held[1]["brand"] = "Nobody knows it"
    held[2]["age_months"] = 5_000
    write_json(tmp_path / "val.jsonl", held)

    items, _ = price_rows.read(tmp_path, 0)

    assert [each.where for each in items.held_out] == ["val.jsonl:2"]
    assert [problem.split(": ")[0] for problem in items.problems] == ["val.jsonl:1", "val.jsonl:3"]
    assert items.problems[0].endswith("expected 'category' one of dress, got text 'tent'")


def test_a_column_that_most_rows_lack_is_left_out_and_named(tmp_path: Path) -> None:
    rows = [row(tmp_path, number) for number in range(6)]
    rows[2]["colour"] = "red"
    rows[4]["colour"] = "blue"
    write_csv(tmp_path / "items.csv", [{"colour": "", **each} for each in rows])

    items, record = price_rows.read(tmp_path, 0)

    assert [each.name for each in record.fields] == list(FIELDS)
    assert items.problems == [f"{tmp_path.name}: most rows lack colour, so no row's was read"]


@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_cell_is_no_reason_to_want_the_field(empty: str | None, tmp_path: Path) -> None:
    rows = [row(tmp_path, number) for number in range(10)]
    for each in rows[:6]:
        each["brand"] = empty
    write_json(tmp_path / "train.jsonl", rows[:9])
    write_json(tmp_path / "val.jsonl", rows[9:])

    items, record = price_rows.read(tmp_path, 0)

    assert [each.name for each in record.fields] == [name for name in FIELDS if name != "brand"]
    assert (len(items.train), len(items.held_out)) == (9, 1)
    assert items.problems == [f"{tmp_path.name}: most rows lack brand, so no row's was read"]


@pytest.mark.parametrize("short", [0, 30])
def test_free_text_is_left_out_of_the_metadata_and_named_once(short: int, tmp_path: Path) -> None:
    """As are columns that hold short texts in most rows."""
    rows = [row(tmp_path, number) for number in range(50)]
    for number, each in enumerate(rows):
        each["notes"] = f"Note {number}." + " Worn with care." * (0 if number < short else 20)
    write_csv(tmp_path / "items.csv", rows)

    items, record = price_rows.read(tmp_path, 0)

    assert [each.name for each in record.fields] == list(FIELDS)
    assert len(items.train) + len(items.held_out) == 50
    told = "free text of more than 200 characters in notes, so no row's was read"
    assert items.problems == [f"{tmp_path.name}: {told}"]


def test_a_label_that_is_too_long_costs_its_row_only(tmp_path: Path) -> None:
    """In an open field, among whose labels it would otherwise come first."""
    rows = [{**row(tmp_path, number), "code": f"c{number}"} for number in range(60)]
    rows[7]["code"] = "a" * 201
    write_json(tmp_path / "train.jsonl", rows[:58])
    write_json(tmp_path / "val.jsonl", rows[58:])

    items, record = price_rows.read(tmp_path, 0)

    assert [each.name for each in record.fields] == [*FIELDS, "code"]
    assert (len(items.train), len(items.held_out)) == (57, 2)
    assert items.problems == ["train.jsonl:8: code has 201 characters, more than 200"]


def test_a_folder_without_usable_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no records in"):
        price_rows.read(tmp_path, 0)

    write_json(tmp_path / "items.jsonl", [{**row(tmp_path, n), "price": 0} for n in range(2)])
    with pytest.raises(ValueError, match=r"needs two usable rows.*\nitems\.jsonl:1: price is not positive"):
        price_rows.read(tmp_path, 0)

    write_json(tmp_path / "items.jsonl", [{"photo": "photos/0.png", "description": "Bare.", "price": 3}] * 2)
    with pytest.raises(ValueError, match="no metadata"):
        price_rows.read(tmp_path, 0)


def test_fields_are_numbers_or_labels_and_open_when_there_are_many() -> None:
    rows: list[dict[str, object]] = [
        {"brand": "Ours", "size": str(36 + number % 4), "fit": "slim" if number % 2 else "wide", "code": f"c{number}"}
        for number in range(60)
    ]

    brand, size, fit, code = price_fields.record(rows).fields

    assert brand == Choice("brand", ("Ours",), open=True)
    assert isinstance(size, Quantity)
    assert (size.minimum, size.maximum, size.mean) == (33.0, 42.0, 37.5)
    assert fit == Choice("fit", ("slim", "wide"))
    assert isinstance(code, Choice)
    assert code.open
    assert len(code.labels) == price_fields.MOST_LABELS


def test_the_recipe_reads_such_a_folder(tmp_path: Path) -> None:
    rows = [row(tmp_path, number) for number in range(20)]
    rows[5]["price"] = "free"
    write_csv(tmp_path / "items.csv", rows)

    data = RECIPE.load(RECIPE.presets["smoke"], 0, tmp_path)

    assert data.problems == ["items.csv:7: price is not a number: 'free'"]
    assert data.source == f"items of {tmp_path.name}"
    assert [each.name for each in data.signature.inputs] == ["metadata", "description", "photo"]
    assert len(data.golden) == len(data.held_out) == 2
    json.dumps([dict(example) for example in data.golden])
    assert data.goals is not None


def row(folder: Path, number: int) -> dict[str, Any]:
    """A row that can be used, and its photo."""
    (folder / "photos").mkdir(exist_ok=True)
    pixels = np.full((40, 30, 3), number, np.uint8)
    Image.fromarray(pixels).save(folder / f"photos/{number}.png")
    return {
        "brand": f"Brand {number % 3}", "category": "dress", "size": "M", "condition": "good",
        "age_months": 7 * number % 10, "description": f"A dress, number {number}.",
        "photo": f"photos/{number}.png", "price": 10 + number,
    }  # fmt: skip


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
