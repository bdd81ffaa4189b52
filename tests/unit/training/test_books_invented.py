"""The invented passages: seeded, and with genre and year that show in the words and go together."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from training.datasets.books_invented import EARLIEST, GENRES, LATEST, fashion, passages
from training.datasets.books_phrases import FASHIONS, SHARED, SUBJECTS, THINGS

SOME = passages(2_000, 7)


def test_same_seed_same_passages() -> None:
    assert passages(50, 3) == passages(50, 3)
    assert passages(50, 3) != passages(50, 4)


def test_every_genre_and_all_of_both_centuries_occur() -> None:
    assert set(Counter(each.genre for each in SOME)) == set(GENRES)
    years = np.array([each.year for each in SOME])
    assert years.min() < EARLIEST + 5
    assert years.max() > LATEST - 6
    assert abs(np.median(years) - (EARLIEST + LATEST) / 2) < 10


def test_genre_and_year_are_not_independent() -> None:
    """Knowing the year makes the genre easier to guess, without making it sure."""
    genres = np.array([each.genre for each in SOME])
    century = np.array([each.year for each in SOME]) // 25
    blind = max(np.mean(genres == genre) for genre in GENRES)
    told = sum(max(np.sum(genres[century == part] == genre) for genre in GENRES) for part in set(century))
    assert blind + 0.15 < told / len(SOME) < 0.8


def test_a_fashion_is_a_distribution_that_peaks_in_its_year() -> None:
    for genre, ((peak, _, _), *_) in FASHIONS.items():
        shares = fashion(peak)
        assert shares.sum() == pytest.approx(1.0)
        assert shares.min() > 0
        assert GENRES[int(shares.argmax())] == genre


def test_subjects_tell_the_genre_most_of_the_time() -> None:
    owner = {phrase: {genre} for genre, phrases in SUBJECTS.items() for phrase in phrases}
    owner |= {phrase: set(genres) for genres, phrase in SHARED}
    said = [each.genre in genres for each in SOME for phrase, genres in owner.items() if phrase in each.text]
    assert 0.9 < np.mean(said) < 0.99


def test_things_are_of_their_day() -> None:
    apart = [each.year - own for each in SOME for own, thing in THINGS if re.search(rf"\b{thing}\b", each.text)]
    assert len(apart) > 500
    assert abs(np.median(apart)) < 5
    assert 10 < np.std(apart) < 40


def test_no_phrase_belongs_to_two_genres_by_mistake() -> None:
    counts = Counter([phrase for phrases in SUBJECTS.values() for phrase in phrases] + [phrase for _, phrase in SHARED])
    assert max(counts.values()) == 1
    assert {genre for genres, _ in SHARED for genre in genres} <= set(GENRES)


def test_data_sets_import_without_tensorflow() -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import training.datasets.books, training.datasets.books_invented, training.datasets.books_words"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
