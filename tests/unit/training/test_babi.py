"""The reader of bAbI folders: stories, questions, held-out parts, and lines that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.datasets.babi import read

STORY = """1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary went back to the office.
5 Where is Mary? \toffice\t4
"""


def stories(count: int) -> str:
    """Stories that differ: each tells the last fact as often as its number."""
    places = ("office", "garden", "kitchen", "hallway")
    told = []
    for number in range(count):
        facts = [f"{line} Mary moved to the {places[line % 4]}." for line in range(1, number + 2)]
        told += [*facts, f"{number + 2} Where is Mary?\t{places[(number + 1) % 4]}\t{number + 1}"]
    return "\n".join(told) + "\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_question_stands_after_the_facts_told_so_far(tmp_path: Path) -> None:
    tasks = read(write(tmp_path, qa1_facts_train=STORY, qa1_facts_test=STORY), seed=0)
    first, second = tasks.train
    assert (first.text, first.question) == ("Mary moved to the bathroom. John went to the hallway.", "Where is Mary?")
    assert (first.answer, first.kind, first.sentences) == ("bathroom", "qa1", 2)
    assert second.text == f"{first.text} Mary went back to the office."
    assert (tasks.names, tasks.problems) == ({"qa1": "facts"}, [])


def test_line_number_one_begins_a_new_story(tmp_path: Path) -> None:
    tasks = read(write(tmp_path, qa1_facts_train=STORY + STORY, qa1_facts_test=STORY), seed=0)
    assert [each.sentences for each in tasks.train] == [2, 3, 2, 3]


def test_the_test_file_is_the_held_out_part(tmp_path: Path) -> None:
    tasks = read(write(tmp_path, qa2_two_train=stories(20), qa2_two_test=STORY), seed=0)
    assert (len(tasks.train), [each.answer for each in tasks.held_out]) == (20, ["bathroom", "office"])


def test_without_a_test_file_some_stories_are_held_out_whole(tmp_path: Path) -> None:
    folder = write(tmp_path, qa1_facts_train=stories(20))
    tasks = read(folder, seed=0)
    assert (len(tasks.train), len(tasks.held_out)) == (18, 2)
    assert not {each.text for each in tasks.train} & {each.text for each in tasks.held_out}
    assert read(folder, seed=0) == tasks
    assert any(read(folder, seed=seed).held_out != tasks.held_out for seed in range(1, 5))


def test_a_test_file_can_be_kept_out_of_sight(tmp_path: Path) -> None:
    tasks = read(write(tmp_path, qa1_facts_train=stories(20), qa1_facts_test=STORY), seed=0, split_train=True)
    assert (len(tasks.train), len(tasks.held_out)) == (18, 2)


def test_tasks_of_many_words_are_skipped_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path, qa1_facts_train=stories(20), qa8_lists_train=STORY, qa19_paths_train=STORY)
    tasks = read(folder, seed=0)
    assert list(tasks.names) == ["qa1"]
    assert [each.split(":")[0] for each in tasks.skipped] == ["qa8 lists", "qa19 paths"]


def test_tasks_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = {f"qa{number}_task_train": stories(10) for number in (10, 2, 1)}
    assert list(read(write(tmp_path, **files), seed=0).names) == ["qa1", "qa2", "qa10"]


def test_a_line_that_cannot_be_used_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    text = (
        "1 Where is Mary?\toffice\t1\n2 Mary moved to the office.\nno number\n4 Where is Mary?\t\t2\n"
        "5 Where?\toffice,garden\t2\n\n7 Where is Mary?\toffice\t2\n"
    )
    folder = write(tmp_path, qa1_facts_train=text, qa1_facts_test=STORY)
    with (folder / "qa1_facts_train.txt").open("ab") as file:
        file.write(b"8 \xff\xfe\n")
    tasks = read(folder, seed=0)
    assert [(each.text, each.answer) for each in tasks.train] == [("Mary moved to the office.", "office")]
    assert tasks.problems == [
        "qa1_facts_train.txt:1: a question before any fact",
        "qa1_facts_train.txt:3: expected a number and a sentence",
        "qa1_facts_train.txt:4: expected an answer of one word, got ''",
        "qa1_facts_train.txt:5: expected an answer of one word, got 'office,garden'",
        "qa1_facts_train.txt:8: not UTF-8",
    ]


def test_questions_need_no_supporting_facts(tmp_path: Path) -> None:
    bare = "1 Mary moved to the office.\n2 Where is Mary?\toffice\n"
    tasks = read(write(tmp_path, qa1_a_train=bare, qa1_a_test=bare), seed=0)
    assert [each.answer for each in tasks.train] == ["office"]


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no bAbI questions"):
        read(write(tmp_path, notes="hello"), seed=0)
