"""docs/chapter.md has every experiment, and each of its figures is one that was measured.

A table below `<!-- figures: FILE -->` shows rows and columns of training/results/FILE.json: each of its rows must be a
row there, to the digits that are printed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from training import recipes
from training.experiments import NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "chapter.md").read_text(encoding="utf-8")
RESULTS = ROOT / "training" / "results"
MARKER = re.compile(r"<!--\s*figures:\s*(?P<file>[\w/-]+)\s*-->")
Cell = str | int | float


@dataclass
class Table:
    """A table of the page, the head as its first row. `file` is what the marker above it names, or empty."""

    line: int
    file: str
    rows: list[list[str]] = field(default_factory=list)


def tables(page: str) -> list[Table]:
    found: list[Table] = []
    file = within = ""
    for token in MarkdownIt().enable("table").parse(page):
        if token.type == "table_open":
            found.append(Table((token.map or [0])[0] + 1, file))
        elif token.type == "tr_open":
            found[-1].rows.append([])
        elif token.type == "inline" and within in ("th_open", "td_open"):
            found[-1].rows[-1].append(plain(token.content))
        marker = MARKER.search(token.content) if token.type == "html_block" else None
        if token.level == 0:
            file = marker["file"] if marker else ""
        within = token.type
    return found


def plain(text: str) -> str:
    return text.replace("`", "").replace("\\|", "|")


def measured(path: Path) -> tuple[list[str], list[list[Cell]]]:
    """Columns and rows of an experiment's figures, or of a training's: figure, model, naive."""
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "rows" in said:
        return said["columns"], said["rows"]
    metrics = said["metrics"]
    rows = [[name, value, metrics.get(f"{name}/baseline", "")] for name, value in metrics.items()]
    return ["held-out figure", "model", "naive"], rows


def says(printed: str, cell: Cell) -> bool:
    """Whether the printed text is the cell, to its last printed digit."""
    if isinstance(cell, str):
        return printed == plain(cell)
    try:
        number = Decimal(printed.replace(",", ""))
    except InvalidOperation:
        return False
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(number - Decimal(cell)) <= Decimal(1).scaleb(exponent) / 2


def problems(table: Table) -> list[str]:
    columns, rows = measured(RESULTS / f"{table.file}.json")
    head, *body = table.rows
    unknown = [name for name in head if name not in columns]
    if unknown:
        return [f"line {table.line}: {table.file} has no column {unknown}; it has {columns}"]
    places = [columns.index(name) for name in head]
    picked = [[row[place] for place in places] for row in rows]
    wrong = [row for row in body if not any(all(map(says, row, cells)) for cells in picked)]
    return [f"line {table.line}: {row} is not in {table.file}; there are {picked}" for row in wrong]


TABLES = tables(PAGE)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.line}:{table.file or 'unmarked'}")
def test_figures_are_those_that_were_measured(table: Table) -> None:
    assert table.file, f"line {table.line}: say above the table where its figures are from"
    assert len(table.rows) > 1
    assert all(len(row) == len(table.rows[0]) > 1 for row in table.rows)
    assert not problems(table), "\n".join(problems(table))


def test_every_marker_has_its_table() -> None:
    assert MARKER.findall(PAGE) == [table.file for table in TABLES], "python -m training.experiments.page writes them"


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_model_is_on_the_page() -> None:
    names = (*recipes.NAMES, *recipes.PRETRAINED)
    assert [name for name in names if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize(
    ("printed", "cell", "right"),
    [
        ("0.98", 0.9812, True), (".98", 0.9812, True), ("0.99", 0.9812, False), ("3,466", 3466, True),
        ("3,467", 3466, False), ("3.7e-15", 3.71e-15, True), ("3.7e-15", 3.71e-14, False), ("0", 0.0, True),
        ("yes", "yes", True), ("yes", "no", False), ("many", 3, False), ("1", 0.2, False), ("0.60", 0.604, True),
    ],
)  # fmt: skip
def test_a_printed_figure_holds_to_its_last_digit(printed: str, cell: Cell, right: bool) -> None:
    assert says(printed, cell) is right


def test_a_wrong_figure_or_column_is_found() -> None:
    """A table of the page with another digit in it, and with another head."""
    table = next(each for each in TABLES if each.file == "experiments/pointwise-quick")
    first = table.rows[1][0]
    assert not problems(Table(1, table.file, [["layers", "parameters"], [first, "16,512"]]))
    assert problems(Table(1, table.file, [["layers", "parameters"], [first, "16,513"]]))
    assert problems(Table(1, table.file, [["layers", "colour"], [first, "16,512"]]))
