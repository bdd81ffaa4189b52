"""`python -m training.experiments.page`: writes what was measured into the tables of docs/chapter.md.

A table stands below `<!-- figures: FILE -->`, FILE.json being in training/results; it keeps the columns it has, and a
marker without a table gets all of them. Runs no experiment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from training.experiments.figures import Cell, shown

ROOT = Path(__file__).resolve().parents[2]
TABLE = re.compile(r"(?P<marker><!-- figures: (?P<file>[\w/-]+) -->\n)(?P<table>(?:\|.*\n)*)")

BETWEEN = re.compile(r"(?<!\\)\|")
"""What parts two cells: a bar that is not escaped."""


def main(page: Path = ROOT / "docs" / "chapter.md", results: Path = ROOT / "training" / "results") -> None:
    """Writes the measured figures into the tables of a page."""
    page.write_text(filled(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def filled(page: str, results: Path) -> str:
    """The page with every table that was measured anew; one whose file is not there stays as it is."""

    def anew(found: re.Match[str]) -> str:
        path = results / f"{found['file']}.json"
        if not path.exists():
            return found[0]
        columns = [each.strip() for each in BETWEEN.split(found["table"].split("\n")[0])[1:-1]]
        return found["marker"] + markdown(json.loads(path.read_text(encoding="utf-8")), columns)

    return TABLE.sub(anew, page)


def markdown(figures: dict[str, Any], columns: Sequence[str]) -> str:
    """A table of these columns, or of all; columns of numbers to the right. Raises ValueError for an unknown one."""
    there = [escaped(each) for each in figures["columns"]]
    picked = [there.index(each) for each in columns] or [*range(len(there))]
    rows: list[list[Cell]] = [[row[place] for place in picked] for row in figures["rows"]]
    words = [all(isinstance(row[place], str) for row in rows) for place in range(len(picked))]
    lines = [[there[place] for place in picked], *([escaped(shown(cell)) for cell in row] for row in rows)]
    said = [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines]
    said.insert(1, f"|{'|'.join('---' if each else '---:' for each in words)}|")
    return "\n".join(said) + "\n"


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    typer.run(main)
