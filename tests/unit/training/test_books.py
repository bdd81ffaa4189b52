"""The reader of book passages: who is trained on, who is held out, and what is said of rows that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.preprocessing import Text
from training.datasets import books, books_words
from training.datasets.books import Passage
from training.recipes import book


def row(text: str = "Some words.", genre: object = "poetry", year: object = 1850, **more: object) -> dict[str, Any]:
    return {"text": text, "genre": genre, "year": year, **more}


def write(folder: Path, *rows: object, name: str = "books.jsonl") -> Path:
    (folder / name).write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in rows))
    return folder


BOTH = (row(split="train"), row(genre="drama", split="train"), row("Held.", split="val"))


def test_splits_by_any_of_their_names_and_test_rows_left_alone(tmp_path: Path) -> None:
    held = [row(f"Held {name}.", split=name) for name in ("val", "Validation", "dev")]
    found = books.read(write(tmp_path, *BOTH[:2], *held, row("Secret.", split="test")), seed=0)

    assert [each.text for each in found.held_out] == ["Held val.", "Held Validation.", "Held dev."]
    assert (len(found.train), found.test, found.problems) == (2, 1, [])
    assert found.genres == ("drama", "poetry")
    assert not any("Secret" in each.text for each in (*found.train, *found.held_out))


def test_test_rows_are_left_alone_also_where_nothing_is_held_out(tmp_path: Path) -> None:
    rows = [row(f"Words {number}.", genre="poetry" if number % 2 else "drama", split="train") for number in range(20)]
    found = books.read(write(tmp_path, *rows, row("Secret.", split="test")), seed=0)
    assert (len(found.train), len(found.held_out), found.test) == (17, 3, 1)
    assert not any("Secret" in each.text for each in (*found.train, *found.held_out))


def test_every_unusable_row_is_told_with_file_and_line(tmp_path: Path) -> None:
    write(
        tmp_path, *BOTH, "{", row(year="long ago", split="train"), row(text=" ", split="train"), row(split="bonus"),
        {"text": "No more.", "year": 1}, row(year=18500), row(year=True), row(genre=7), row("Late."),
        row(genre="opera", split="dev"),
    )  # fmt: skip
    found = books.read(write(tmp_path, "genre,year", "poetry,1850", name="more.csv"), seed=0)

    assert (len(found.train), len(found.held_out)) == (2, 1)
    by_line = dict(problem.split(": ", 1) for problem in found.problems)
    assert set(by_line) == {f"books.jsonl:{line}" for line in range(4, 14)} | {"more.csv:2"}
    assert by_line["books.jsonl:5"] == "year is not a number: 'long ago'"
    assert by_line["books.jsonl:6"].startswith("text is not text: ")
    assert by_line["books.jsonl:7"].startswith("unknown split 'bonus'")
    assert by_line["books.jsonl:8"] == "no genre"
    assert by_line["books.jsonl:9"] == "year is none that a book could be of: 18500"
    assert by_line["books.jsonl:12"] == "no split, where other rows have one"
    assert by_line["books.jsonl:13"] == "held out, and its genre 'opera' is nowhere to be learnt"
    assert by_line["more.csv:2"] == "no text"


def test_csv_is_read_alike(tmp_path: Path) -> None:
    lines = ["genre,author,year,text,split", 'poetry,A. B.,1850,"O, thou!",train', "drama,,1700,Enter two.,train",
             "drama,,1701,Exeunt.,validation"]  # fmt: skip
    found = books.read(write(tmp_path, *lines, name="books.csv"), seed=0)
    assert found.train == [Passage("O, thou!", "poetry", 1850.0, "A. B."), Passage("Enter two.", "drama", 1700.0)]
    assert found.held_out == [Passage("Exeunt.", "drama", 1701.0)]


def test_without_splits_authors_are_held_out_with_all_they_wrote(tmp_path: Path) -> None:
    rows = [row(genre=genre, author=f"author {number % 20}") for number in range(100) for genre in ("poetry", "drama")]
    one, again, other = (books.read(write(tmp_path, *rows), seed=seed) for seed in (1, 1, 2))

    held, kept = ({each.author for each in part} for part in (one.held_out, one.train))
    assert (len(held), len(kept), held & kept) == (3, 17, set())
    assert one.held_out == again.held_out
    assert {each.author for each in other.held_out} != held


def test_without_authors_rows_are_held_out(tmp_path: Path) -> None:
    rows = [row(f"Text {number}.", genre=("poetry", "drama")[number % 2]) for number in range(100)]
    found = books.read(write(tmp_path, *rows), seed=0)
    assert (len(found.train), len(found.held_out)) == (85, 15)
    assert not {each.text for each in found.train} & {each.text for each in found.held_out}


def test_a_row_that_lacks_an_author_leaves_the_others_to_theirs(tmp_path: Path) -> None:
    rows = [row(genre=("poetry", "drama")[number // 20 % 2], author=f"author {number % 20}") for number in range(200)]
    del rows[7]["author"]
    found = books.read(write(tmp_path, *rows), seed=0)

    held, kept = ({each.author for each in part} for part in (found.held_out, found.train))
    assert (held & kept, len(held | kept)) == (set(), 21)
    assert len(held) == 3


def test_of_one_author_rows_are_held_out(tmp_path: Path) -> None:
    rows = [row(genre=("poetry", "drama")[number % 2], author="Anon.") for number in range(20)]
    found = books.read(write(tmp_path, *rows), seed=0)
    assert (len(found.train), len(found.held_out)) == (17, 3)


def test_rows_longer_than_the_model_takes_are_told(tmp_path: Path) -> None:
    longest = " ".join(["a,"] * (books.MAX_WORDS // 2))
    found = books.read(
        write(
            tmp_path, *BOTH, row("x" * 300_000, split="train"), row("it " * 21_000, split="val"),
            row(longest, split="train"), row(f"{longest} a", split="train"), row("\ufdfa " * 6_000, split="train"),
        ),
        seed=0,
    )  # fmt: skip

    assert found.problems == [
        "books.jsonl:4: text has 300,000 characters, more than 200,000",
        "books.jsonl:5: text has 21,000 words and marks, more than 20,000",
        "books.jsonl:7: text has 20,001 words and marks, more than 20,000",
        "books.jsonl:8: text has 24,000 words and marks, more than 20,000",
    ]
    assert [each.text for each in found.train[2:]] == [longest]


def test_the_longest_row_is_what_the_recipe_takes(tmp_path: Path) -> None:
    data = book.RECIPE.load(book.RECIPE.presets["smoke"], 0, write(tmp_path, *BOTH))
    text = data.preprocessing["text"]
    assert isinstance(text, Text)
    assert (text.max_tokens, text.max_characters) == (books.MAX_WORDS, books.MAX_CHARACTERS)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            [row(year="?"), row(year="??")],
            "0 rows to train on .* 2 unusable ones, the first of them books.jsonl:1: year",
        ),
        ([row(split="test")] * 3, "0 rows to train on and 0 to judge by, beside 3 of a test part"),
        ([row(split="train"), row(split="val")], "the one genre 'poetry'"),
        ([], "0 rows"),
    ],
)
def test_a_folder_of_which_nothing_can_be_learnt_is_refused(tmp_path: Path, rows: list[object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        books.read(write(tmp_path, *rows), seed=0)


def test_columns() -> None:
    split = books.columns([Passage("a", "poetry", 1850.0), Passage("b", "drama", -44.0)], ("drama", "poetry"))
    assert split.inputs == {"text": ["a", "b"]}
    assert split.targets["genre"].tolist() == [1, 0]
    assert split.targets["year"].tolist() == [1850.0, -44.0]


def test_a_word_of_one_author_is_not_worth_knowing() -> None:
    passages = [Passage(f"The own{author} of {word}.", "poetry", 1850.0, f"author {author}")
                for author in range(4) for word in ("king", "king", f"only{author}")]  # fmt: skip
    known = books_words.vocabulary(passages, 100)
    assert set(known) == {"the", "of", "king", "."}
    assert set(known.values()) == {1.0}  # all four use them


def test_a_passage_without_an_author_does_not_make_the_others_words_worth_knowing() -> None:
    passages = [Passage(f"The own{author} king", "poetry", 1850.0, f"author {author}")
                for author in range(4) for _ in range(2)]  # fmt: skip
    known = books_words.vocabulary([*passages, Passage("The king", "poetry", 1850.0)], 100)
    assert known == {"king": 1.0, "the": 1.0}  # all five use them


def test_rarer_words_weigh_more_and_the_widespread_come_first() -> None:
    texts = ["The sea and the ship", "The sea", "The ship, the moor", "The SEA", "the dragon"]
    known = books_words.vocabulary([Passage(text, "poetry", 1850.0) for text in texts], 100)
    assert list(known) == ["the", "sea", "ship"]
    assert 1.0 == known["the"] < known["sea"] < known["ship"]
    assert list(books_words.vocabulary([Passage(text, "poetry", 1850.0) for text in texts], 2)) == ["the", "sea"]
