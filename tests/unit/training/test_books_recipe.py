"""The recipe of `book`: what it makes of invented passages and of a folder. Nothing is trained here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.preprocessing import Text
from training.recipes.book import EXAMPLES, RECIPE, RESERVED, BookData
from training.text import PAD, UNKNOWN

SMOKE = RECIPE.presets["smoke"]


def load(folder: Path | None = None, seed: int = 0) -> BookData:
    data = RECIPE.load(SMOKE, seed, folder)
    assert isinstance(data, BookData)
    return data


def test_invented_passages() -> None:
    data = load()
    assert (len(data.train), len(data.held_out)) == (SMOKE.examples, SMOKE.held_out)
    assert data.source.startswith("synthetic")
    assert (data.problems, data.goals) == ((), None)
    assert data.signature.head_names == tuple(RECIPE.losses) == ("genre", "year")
    assert not set(map(str, data.train.inputs["text"])) & set(map(str, data.held_out.inputs["text"]))


def test_every_token_has_a_weight_and_what_is_no_word_has_none() -> None:
    data = load()
    text, (tokenizer,) = data.preprocessing["text"], data.tokenizers.values()
    assert isinstance(text, Text)
    assert len(data.word_weights) == text.vocabulary_size == tokenizer.get_vocab_size()
    assert [tokenizer.id_to_token(number) for number in range(RESERVED)] == [PAD, UNKNOWN]
    assert data.word_weights[:RESERVED].tolist() == [0.0, 0.0]
    assert data.word_weights[RESERVED:].min() >= 1.0
    assert np.all(np.diff(data.word_weights[RESERVED:]) >= 0)  # the widespread words come first
    assert data.word_weights[tokenizer.token_to_id("the")] < data.word_weights.max() - 1


def test_the_examples_are_of_words_that_are_known() -> None:
    (tokenizer,) = load().tokenizers.values()
    for example in EXAMPLES:
        ids = tokenizer.encode(example).ids
        assert np.mean(np.array(ids) >= RESERVED) > 0.6


def test_a_folder_gives_its_own_genres_goals_and_problems(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"Words of {genre}.", "genre": genre, "year": 1850 + number, "author": f"{genre} {number}",
         "split": "val" if number == 9 else "train"}
        for number in range(10) for genre in ("opera", "elegy")
    ]  # fmt: skip
    rows += [{"text": "Kept apart.", "genre": "secret", "year": 1, "split": "test"}, {"text": "No genre."}]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    data = load(tmp_path)

    assert data.signature.head("genre").labels == ("elegy", "opera")
    assert (len(data.train), len(data.held_out), data.genres) == (18, 2, 2)
    assert data.middle_year == 1854.0
    assert data.problems == ["rows.jsonl:22: no genre and no year"]
    assert "1 of a test part" in data.source
    assert data.goals is not None
    assert {goal.head for goal in data.goals} == {"genre", "year"}


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no records in"):
        load(tmp_path)
