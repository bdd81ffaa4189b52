"""What `--data` on a bAbI folder runs for question_answering: one model for all one-word tasks, and a table.

The tables of published figures stand here. Knows nothing of artifacts: a benchmark exports none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.datasets import babi
from training.datasets.babi import Tasks
from training.recipe import Data, Preset
from training.recipes.question_answering import RECIPE, tokenized

LSTM = (50, 20, 20, 61, 70, 48, 49, 45, 64, 44, 72, 74, 94, 27, 21, 23, 51, 52, 8, 91)
"""Per cent by task 1–20: an LSTM on 1,000 questions a task (Weston et al. 2015, table 3)."""
TWO_BRANCHES = (
    52.1, 37.0, 20.5, 62.9, 61.9, 50.7, 78.9, 77.2, 64.0, 47.7,
    74.9, 76.4, 94.4, 34.8, 32.4, 50.6, 49.1, 90.8, 9.0, 90.7,
)  # fmt: skip
"""Per cent by task 1–20: the two-branch recurrent network of the Keras examples (babi_rnn)."""
OPTIONS = {"hops": 3, "sentences": 64, "dropout": 0.2, "weight_decay": 1e-4}
SHOWN_PROBLEMS = 20


def benchmark(folder: Path, preset: Preset, seed: int) -> None:
    """Trains on every one-word task of the folder together and prints held-out accuracy by task."""
    from training.evaluation import evaluate
    from training.fit import fit

    tasks = babi.read(folder, seed)
    tell(tasks)
    chosen = replace(preset, epochs=int(preset.options["babi_epochs"]), options={**preset.options, **OPTIONS})
    data = joint(tasks, folder)
    model = fit(RECIPE, data, chosen, seed, label="bAbI")
    show(tasks, evaluate(RECIPE, data, model).metrics)


def joint(tasks: Tasks, folder: Path) -> Data:
    groups = {"task": [each.kind for each in tasks.held_out]}
    return tokenized(tasks.train, tasks.held_out, groups, f"bAbI {folder.name}")


def tell(tasks: Tasks) -> None:
    """Which tasks are left out, and which lines could not be used."""
    for line in (*(f"skipped: {each}" for each in tasks.skipped), *tasks.problems[:SHOWN_PROBLEMS]):
        print(line, flush=True)
    if len(tasks.problems) > SHOWN_PROBLEMS:
        print(f"… and {len(tasks.problems) - SHOWN_PROBLEMS:,} more lines that cannot be used", flush=True)
    print(f"{len(tasks.train):,} questions to train on, {len(tasks.held_out):,} held out", flush=True)


def show(tasks: Tasks, metrics: Mapping[str, float], console: Console | None = None) -> None:
    """The table, tasks in order, with the mean over those that have held-out questions."""
    table = Table("task", "", "held-out %", "LSTM %", "two branches %", title="bAbI", title_justify="left")
    rows = []
    for task, name in tasks.names.items():
        accuracy = metrics.get(f"answer/accuracy/task={task}")
        if accuracy is None:
            table.add_row(task, name, "none held out", "", "")
            continue
        row = (100 * accuracy, *published(int(task.removeprefix("qa"))))
        rows.append(row)
        table.add_row(task, name, *(f"{value:.1f}" for value in row))
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    table.add_row("mean", f"{len(rows)} tasks", *(f"{value:.1f}" for value in means))
    (console or Console()).print(table)


def published(task: int) -> tuple[float, float]:
    """Both published figures of a task; NaN for one that is none of the twenty."""
    if not 1 <= task <= len(LSTM):
        return float("nan"), float("nan")
    return LSTM[task - 1], TWO_BRANCHES[task - 1]
