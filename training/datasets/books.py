"""Reads a folder of book passages with genre and year: JSON lines or CSV with the columns `text`, `genre`, `year`.

Two more columns are optional: `split`, and `author`, by whom rows without a split are held out. A row that cannot be
used is reported with its file and line, and the rest goes on. Knows no token ids and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.datasets.records import Row, number_of, read_records, record_files, text_of
from training.recipe import Split
from training.text import tokenizer_of

COLUMNS = ("text", "genre", "year")
SPLITS = {"train": "train", "validation": "held out", "val": "held out", "dev": "held out", "test": "test"}
"""What a row's `split` means. Rows of a test part are neither trained on nor judged by."""
HELD_OUT_SHARE = 0.15
YEARS = (-3000.0, 3000.0)
MAX_WORDS = 20_000
"""Words and marks of a passage."""
MAX_CHARACTERS = 10 * MAX_WORDS
WORDS = tokenizer_of([])
"""Takes a text apart as the tokenizers do."""


@dataclass(frozen=True)
class Passage:
    """Some text of a book, and what is known of the book."""

    text: str
    genre: str
    year: float
    author: str = ""


@dataclass
class Books:
    """What a folder holds."""

    train: list[Passage] = field(default_factory=list)
    held_out: list[Passage] = field(default_factory=list)
    test: int = 0
    """Rows of a test part, left alone."""
    problems: list[str] = field(default_factory=list)

    @property
    def genres(self) -> tuple[str, ...]:
        """Those that there is something to learn from, by the alphabet."""
        return tuple(sorted({each.genre for each in self.train}))


Place = tuple[str, Passage]
"""`FILE:LINE` and the passage there."""


def read(folder: Path, seed: int) -> Books:
    """All usable rows of the folder. Raises ValueError when nothing can be learnt from them, or judged by."""
    books = Books()
    by_split: dict[str, list[Place]] = {name: [] for name in ("train", "held out", "test", "")}
    for path in record_files(folder):
        for line, row in read_records(path, books.problems, COLUMNS):
            place = f"{path.name}:{line}"
            try:
                by_split[split_of(row)].append((place, passage_of(row)))
            except ValueError as error:
                books.problems.append(f"{place}: {error}")
    arrange(books, by_split, seed)
    check(books, folder)
    return books


def passage_of(row: Row) -> Passage:
    """Raises ValueError."""
    year = number_of(row, "year")
    if not YEARS[0] <= year <= YEARS[1]:
        raise ValueError(f"year is none that a book could be of: {year:g}")
    author = row.get("author")
    return Passage(
        measured(text_of(row, "text")), text_of(row, "genre"), year, text_of(row, "author") if author else ""
    )


def measured(text: str) -> str:
    """Raises ValueError for more text than a model takes."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"text has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    normal = WORDS.normalizer.normalize_str(text)
    if len(normal) > MAX_WORDS:  # no word is shorter than a character
        words = len(WORDS.pre_tokenizer.pre_tokenize_str(normal))
        if words > MAX_WORDS:
            raise ValueError(f"text has {words:,} words and marks, more than {MAX_WORDS:,}")
    return text


def split_of(row: Row) -> str:
    """Train, held out, test, or none. Raises ValueError."""
    said = row.get("split")
    if said is None or said == "":
        return ""
    if not isinstance(said, str) or said.strip().lower() not in SPLITS:
        raise ValueError(f"unknown split {said!r} (known are {', '.join(SPLITS)})")
    return SPLITS[said.strip().lower()]


def arrange(books: Books, by_split: dict[str, list[Place]], seed: int) -> None:
    """Who is trained on and who is held out. Rows without a split count where no row is said to be held out."""
    train, held_out, unsaid = by_split["train"], by_split["held out"], by_split[""]
    if held_out:
        books.problems += [f"{place}: no split, where other rows have one" for place, _ in unsaid]
    else:
        train, held_out = divided([*train, *unsaid], seed)
    books.train = [passage for _, passage in train]
    books.test = len(by_split["test"])
    known = set(books.genres)
    books.held_out = [passage for _, passage in held_out if passage.genre in known]
    books.problems += [
        f"{place}: held out, and its genre {passage.genre!r} is nowhere to be learnt"
        for place, passage in held_out
        if passage.genre not in known
    ]


def divided(rows: Sequence[Place], seed: int) -> tuple[list[Place], list[Place]]:
    """Holds out some of the authors with all they wrote. A row without one is an author of its own, and so is every
    row where one author wrote them all."""
    keys: Sequence[str | int] = writers([passage for _, passage in rows])
    if len(set(keys)) == 1:
        keys = range(len(rows))
    names = sorted({key for key in keys if isinstance(key, str)})
    units: list[str | int] = [*names, *(key for key in keys if isinstance(key, int))]
    order = np.random.default_rng([seed, len(units)]).permutation(len(units))
    held = {units[place] for place in order[: max(1, round(len(units) * HELD_OUT_SHARE))]}
    kept = [row for row, key in zip(rows, keys, strict=True) if key not in held]
    return kept, [row for row, key in zip(rows, keys, strict=True) if key in held]


def writers(passages: Sequence[Passage]) -> list[str | int]:
    """Who wrote each passage: the author, or for want of one the passage's number, which nobody else has."""
    return [each.author or number for number, each in enumerate(passages)]


def check(books: Books, folder: Path) -> None:
    found = f"{len(books.problems)} unusable ones"
    if not books.train or not books.held_out:
        first = f", the first of them {books.problems[0]}" if books.problems else ""
        raise ValueError(
            f"{folder} has {len(books.train)} rows to train on and {len(books.held_out)} to judge by, "
            f"beside {books.test} of a test part and {found}{first}"
        )
    if len(books.genres) < 2:
        raise ValueError(f"{folder} has the one genre {books.genres[0]!r} to train on: there is nothing to tell apart")


def columns(passages: Sequence[Passage], genres: Sequence[str]) -> Split:
    """The passages as named features and named targets; a genre is its index."""
    place = {genre: number for number, genre in enumerate(genres)}
    return Split(
        inputs={"text": [each.text for each in passages]},
        targets={
            "genre": np.array([place[each.genre] for each in passages], np.int64),
            "year": np.array([each.year for each in passages], np.float32),
        },
    )
