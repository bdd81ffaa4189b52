"""The list of experiments, their command, and the tables they give. No experiment is run here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from training import experiments
from training.experiments.__main__ import choose
from training.experiments.figures import Figures, shown
from training.experiments.page import filled

FIGURES = Figures("A [title]", ("layer", "y = f([x])"), [("plain", 0.123456), ("deep", 20_861_480)], "And a note.")


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_name_has_an_experiment(name: str) -> None:
    assert callable(experiments.experiment(name))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        experiments.experiment("figures")
    with pytest.raises(typer.BadParameter, match="no such experiment: figures"):
        choose(["twins", "figures"], every=False)
    with pytest.raises(typer.BadParameter, match="or --all"):
        choose([], every=False)


def test_names_run_in_the_order_of_the_chapter() -> None:
    assert choose(["carry", "twins"], every=False) == ["twins", "carry"]
    assert choose([], every=True) == list(experiments.NAMES)


def test_the_modules_load_neither_tensorflow_nor_keras() -> None:
    script = (
        "import sys; from training import experiments; [experiments.experiment(name) for name in experiments.NAMES]; "
        "sys.exit(sorted({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "[]\n")


def test_the_table_shows_brackets_and_all_cells() -> None:
    console = Console(width=80, record=True)
    console.print(FIGURES.table())

    printed = console.export_text()
    assert all(each in printed for each in ("A [title]", "y = f([x])", "0.1235", "20,861,480", "And a note."))


@pytest.mark.parametrize(
    ("cell", "text"), [("yes", "yes"), (1234, "1,234"), (1234.56, "1,234.6"), (0.00012345, "0.0001234"), (0.0, "0")]
)
def test_cells_are_shown_with_four_digits(cell: str | int | float, text: str) -> None:
    assert shown(cell) == text


def test_saved_figures_keep_every_digit(tmp_path: Path) -> None:
    FIGURES.save(tmp_path / "new" / "plain-quick.json", "quick", seed=3)

    found = json.loads((tmp_path / "new" / "plain-quick.json").read_text())
    assert found == {
        "preset": "quick",
        "seed": 3,
        "title": "A [title]",
        "columns": ["layer", "y = f([x])"],
        "rows": [["plain", 0.123456], ["deep", 20_861_480]],
        "note": "And a note.",
    }


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        Figures("t", ("a", "b"), [("one",)])


PAGE = """Before.

<!-- figures: deep/plain-quick -->
| layer | old |
|---|---:|
| plain | 7 |

<!-- figures: not/there -->
| kept |
|---|
| 1 |

<!-- figures: deep/plain-quick -->

After.
"""


def test_a_page_gets_what_was_measured_in_the_columns_that_it_has(tmp_path: Path) -> None:
    figures = Figures("t", ("layer", "|a-b|", "old"), [("plain", 0.123456, 1), ("deep", 12.0, 20_861_480)])
    figures.save(tmp_path / "deep" / "plain-quick.json", "quick", 0)

    page = filled(PAGE, tmp_path)

    assert "| layer | old |\n|---|---:|\n| plain | 1 |\n| deep | 20,861,480 |\n\n" in page
    assert "| kept |\n|---|\n| 1 |\n" in page
    assert (
        "| layer | \\|a-b\\| | old |\n|---|---:|---:|\n| plain | 0.1235 | 1 |\n| deep | 12 | 20,861,480 |\n\nAfter."
        in page
    )
    assert filled(page, tmp_path) == page


def test_a_page_with_a_column_that_was_not_measured_is_refused(tmp_path: Path) -> None:
    Figures("t", ("layer", "new"), [("plain", 1)]).save(tmp_path / "deep" / "plain-quick.json", "quick", 0)

    with pytest.raises(ValueError, match="'old'"):
        filled(PAGE, tmp_path)
