"""What an experiment found: a titled table with a note, to print or to keep as JSON. Knows no experiment."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

Cell = str | int | float


@dataclass(frozen=True)
class Figures:
    """Rows of cells under named columns. The first cell of a row says what the row is about."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    note: str = ""
    """What the figures mean, or what they do not show."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells under {len(self.columns)} columns: {row}")

    def table(self) -> Table:
        title, note = escape(self.title), escape(self.note)
        table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
        for position, column in enumerate(self.columns):
            table.add_column(escape(column), justify="left" if position == 0 else "right")
        for row in self.rows:
            table.add_row(*(escape(shown(cell)) for cell in row))
        return table

    def save(self, path: Path, preset: str, seed: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        said = json.dumps({"preset": preset, "seed": seed, **asdict(self)}, indent=1, ensure_ascii=False)
        path.write_text(said + "\n", encoding="utf-8")


def shown(cell: Cell) -> str:
    """Whole numbers with thousands marked, others with about four digits, text as it is."""
    if isinstance(cell, str | bool):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.1f}" if abs(cell) >= 1_000 else f"{cell:.4g}"
