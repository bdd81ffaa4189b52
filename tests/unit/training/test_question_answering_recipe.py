"""What the recipe of question answering does to words and labels, and its table of bAbI tasks."""

from __future__ import annotations

import io

from rich.console import Console

from training.datasets.babi import Tasks
from training.datasets.stories import Example
from training.recipes.question_answering import RECIPE, columns, length, words
from training.recipes.question_answering_babi import published, show

EXAMPLE = Example("Mary is in the park.", "Where is Mary?", "park", "single_fact", 1)


def test_whatever_ends_a_sentence_becomes_a_period() -> None:
    tokenizer = words(["Mary is in the park. Where is Mary?"])
    assert tokenizer.token_to_id(".") == 2
    assert tokenizer.encode("MARY is...\nWhere is mary?!").tokens == [
        *("mary", "is", ".", ".", ".", ".", "where", "is", "mary", ".", ".")
    ]
    assert tokenizer.encode("Bob").ids == [1]


def test_an_answer_never_trained_on_is_no_label() -> None:
    split = columns([EXAMPLE, EXAMPLE._replace(answer="moon")], ["office", "park"], {})
    assert split.targets["answer"].tolist() == [1, -1]


def test_lengths_are_told_in_ranges() -> None:
    assert [length(EXAMPLE._replace(sentences=number)) for number in (2, 5, 6, 20)] == [
        *("02-05", "02-05", "06-10", "16-20")
    ]


def test_own_data_has_one_figure_for_each_kind_and_length() -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    assert len(set(data.held_out.groups["kind"])) == 5
    assert len(set(data.held_out.groups["sentences"])) == 4
    assert data.signature.head("answer").labels == tuple(sorted(data.signature.head("answer").labels))


def test_published_figures_are_those_of_the_task() -> None:
    assert published(1) == (50, 52.1)
    assert published(20) == (91, 90.7)
    assert all(value != value for value in published(21))


def test_the_table_has_a_row_for_each_task_and_their_mean() -> None:
    console = Console(file=io.StringIO(), width=100)
    tasks = Tasks(names={"qa1": "one", "qa4": "four", "qa5": "five"})
    show(tasks, {"answer/accuracy/task=qa1": 0.9, "answer/accuracy/task=qa4": 1.0}, console)
    assert isinstance(console.file, io.StringIO)
    table = console.file.getvalue()
    assert "none held out" in table
    assert "95.0" in table  # the mean of both
    assert "55.5" in table  # that of the LSTM
