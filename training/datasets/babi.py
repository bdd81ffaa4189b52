"""Reads folders of bAbI task files: numbered lines of stories with questions between them, one task a file.

A line that cannot be used is reported with its file and number, and the rest goes on. Knows no tokens and no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.datasets.stories import Example

FILE = re.compile(r"qa(\d+)_(.+)_(train|test)\.txt")
LINE = re.compile(r"(\d+)\s+(\S.*)")
MANY_WORDS = frozenset({8, 19})
"""Tasks whose answers are lists or paths, not one word."""
HELD_OUT_SHARE = 0.1


@dataclass
class Tasks:
    """What a folder holds. An example's `kind` is its task: `qa1`."""

    train: list[Example] = field(default_factory=list)
    held_out: list[Example] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """By task, in the order of their numbers: `{"qa1": "single-supporting-fact"}`."""
    skipped: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


Story = list[Example]
"""The questions asked in the course of one story, in order."""


def read(folder: Path, seed: int, split_train: bool = False) -> Tasks:
    """Every one-word task of the folder. Raises ValueError when there is none.

    The held-out part of a task is its test file; without one, or if `split_train`, a share of the train file's
    stories, drawn by seed.
    """
    tasks = Tasks()
    for number, name in sorted(found(folder)):
        if number in MANY_WORDS:
            tasks.skipped.append(f"qa{number} {name}: its answers have more than one word")
            continue
        tasks.names[f"qa{number}"] = name
        add_task(tasks, folder, number, name, np.random.default_rng([seed, number]), split_train)
    if not tasks.train:
        raise ValueError(f"no bAbI questions to train on in {folder} (expected files like qa1_name_train.txt)")
    return tasks


def found(folder: Path) -> set[tuple[int, str]]:
    matches = (FILE.fullmatch(path.name) for path in folder.iterdir())
    return {(int(match[1]), match[2]) for match in matches if match}


def add_task(tasks: Tasks, folder: Path, number: int, name: str, rng: np.random.Generator, split_train: bool) -> None:
    task, train, test = f"qa{number}", *(folder / f"qa{number}_{name}_{part}.txt" for part in ("train", "test"))
    stories = list(read_file(train, task, tasks.problems)) if train.is_file() else []
    if test.is_file() and not split_train:
        asked = [story for story in read_file(test, task, tasks.problems) if story]
    else:
        stories, asked = split(stories, rng)
    tasks.train += [example for story in stories for example in story]
    tasks.held_out += [example for story in asked for example in story]


def split(stories: list[Story], rng: np.random.Generator) -> tuple[list[Story], list[Story]]:
    """A share of the stories is held out: all questions of a story fall on the same side."""
    held = set(rng.permutation(len(stories))[: round(len(stories) * HELD_OUT_SHARE)].tolist())
    kept = [story for place, story in enumerate(stories) if place not in held]
    return kept, [stories[place] for place in sorted(held)]


def read_file(path: Path, task: str, problems: list[str]) -> Iterator[Story]:
    """The stories of one file that have questions."""
    facts: list[str] = []
    story: Story = []
    for number, raw in enumerate(path.read_bytes().splitlines(), 1):
        if not raw.strip():
            continue
        try:
            position, rest = parse(raw)
            if position == 1:
                if story:
                    yield story
                facts, story = [], []
            if "\t" in rest:
                story.append(question(rest, facts, task))
            else:
                facts.append(rest)
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}")
    if story:
        yield story


def parse(raw: bytes) -> tuple[int, str]:
    """The line's number in its story, and the rest. Raises ValueError."""
    try:
        match = LINE.fullmatch(raw.decode("utf-8").strip())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if match is None:
        raise ValueError("expected a number and a sentence")
    return int(match[1]), match[2]


def question(rest: str, facts: list[str], task: str) -> Example:
    """The question as it stands after these facts. Raises ValueError."""
    asked, answer = (part.strip() for part in rest.split("\t")[:2])
    if len(answer.split()) != 1 or "," in answer:
        raise ValueError(f"expected an answer of one word, got {answer!r}")
    if not facts:
        raise ValueError("a question before any fact")
    return Example(" ".join(facts), asked, answer, task, len(facts))
