"""Invented passages of books: a seeded generator in which genre and year are known, and go together.

Nobody wrote any of it. A year is drawn evenly from two centuries, and a genre after it, by what is in fashion. The
genre shows in what is spoken of, the year in things and spellings; some sentences show neither, some subjects belong
to two genres, and words outlive their day. Knows no tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.datasets.books import Passage
from training.datasets.books_phrases import (
    ABOUT_SUBJECT,
    ABOUT_THING,
    CHATTER,
    FASHIONS,
    SHARED,
    SPELLINGS,
    SUBJECTS,
    THINGS,
)

EARLIEST, LATEST = 1700.0, 1920.0
GENRES = tuple(sorted(FASHIONS))
RARELY = 0.04
"""How much a genre is written outside of its fashion."""
ERA_WIDTH = 22.0
"""Years around its own within which a word is usual."""
STRAY = 0.06
"""How often a sentence is of another genre's subject."""


def passages(count: int, seed: int) -> list[Passage]:
    """That many passages; the same seed gives the same ones."""
    random = np.random.default_rng([seed, count])
    return [passage(random) for _ in range(count)]


def passage(random: np.random.Generator) -> Passage:
    year = float(np.floor(random.uniform(EARLIEST, LATEST)))
    genre = GENRES[int(random.choice(len(GENRES), p=fashion(year)))]
    sentences = [sentence(random, genre, year) for _ in range(random.integers(3, 11))]
    return Passage(" ".join(sentences), genre, year)


def fashion(year: float) -> NDArray[np.float64]:
    """How likely each genre is in that year."""
    weights = [
        RARELY + sum(height * np.exp(-0.5 * ((year - peak) / width) ** 2) for peak, width, height in FASHIONS[genre])
        for genre in GENRES
    ]
    shares = np.array(weights, np.float64)
    return shares / float(shares.sum())


def sentence(random: np.random.Generator, genre: str, year: float) -> str:
    """About the genre, about the era, or about nothing in particular."""
    about = random.random()
    if about < 0.3:
        return pick(random, ABOUT_SUBJECT).format(subject(random, genre))
    if about < 0.45:
        return pick(random, ABOUT_THING).format(near(random, THINGS, year))
    if about < 0.7:
        template, spellings = SPELLINGS[int(random.integers(len(SPELLINGS)))]
        return template.format(near(random, spellings, year))
    return pick(random, CHATTER)


def subject(random: np.random.Generator, genre: str) -> str:
    """What that genre speaks of; now and then what another one does."""
    if random.random() < STRAY:
        genre = GENRES[int(random.integers(len(GENRES)))]
    shared = tuple(phrase for genres, phrase in SHARED if genre in genres)
    return pick(random, shared if random.random() < 0.5 else SUBJECTS[genre])


def pick(random: np.random.Generator, phrases: tuple[str, ...]) -> str:
    return phrases[int(random.integers(len(phrases)))]


def near(random: np.random.Generator, phrases: tuple[tuple[float, str], ...], year: float) -> str:
    """A phrase whose own year lies near this one, the nearer the likelier."""
    distances = np.array([own for own, _ in phrases]) - year
    weights = np.exp(-0.5 * (distances / ERA_WIDTH) ** 2) + 1e-3
    return phrases[int(random.choice(len(phrases), p=weights / weights.sum()))][1]
