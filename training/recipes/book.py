"""Genre and year of a book from a passage of it, learnt jointly (section 7.1).

    python -m training book

Cost: 11 seconds of processor time on 2 cores, start included (smoke 7, full 22). The passages are invented
(training/datasets/books_invented.py): genres have their fashions, so that a year makes some of them likelier, and words
outlive their day. Held out, with seed 0:

    training/results/book-quick.json        model    naive
    genre/accuracy                           .816     .248
    genre/macro_f1                           .804     .057
    year/mean_absolute_error                20.41    56.03
    year/pearson                             .895     .000

Such a model knows the few hundred words of its invented books. For real ones:

    python -m training book --data FOLDER

reads JSON lines or CSV, gzipped or not, with the columns text, genre and year, and split and author where there are any
(training/datasets/books.py). 17 seconds of processor time for 4,784 passages of 400 words by 84 authors of Project
Gutenberg, judged by 788 passages of 16 others:

    training/results/book-quick-books.json    model    naive
    genre/accuracy                             .541     .264
    genre/macro_f1                             .350     .042
    year/mean_absolute_error                  11.92    12.03
    year/pearson                               .302     .000

Sixteen authors are few, and most of these wrote around 1900, where the naive answer is. Over ten parts with other
authors each, so that all hundred are judged once, 48 of 100 genres are right (45 with logistic regression on TF-IDF),
and years are off by 21.5 on the mean (the median by 23.7, ridge regression on TF-IDF by 22.5). What keeps the model
from learning its authors by heart: words are known only if an eighth of the authors use them, large weights cost, and
each head learns to do with either half of what it hears (models/zoo/book.py).

One model beside two of one head each: `python -m training.experiments joint_heads`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Text
from models.signature import Head, Input, Padding, Signature, TensorSpec
from training.datasets.books import Books, Passage
from training.recipe import Data, Goal, Option, Preset, Recipe

TOKENIZER = "text.tokenizer.json"
MAX_TOKENS = 20_000
YEARS = 20.0
"""What counts as one unit of the year in training."""
RESERVED = 2
"""Ids that are no words: padding and unknown ones. They weigh nothing."""
HELD_OUT_SEED = 1_000_003
REAL_GOALS = (Goal("genre", "accuracy", margin=0.1), Goal("year", "pearson", margin=0.1))
EXAMPLES = (
    "Methinks the captain hath been exceeding kind. We had lost the latitude in the storm, and our biscuit was wet; "
    "yet 'tis said the savages of that coast shew'd much civility to the master of our ship.",
    "The inspector from the Yard laid the revolver beside the telephone. \"It's the butler's motor-car,\" he said. "
    '"There were no footprints, and the necklace was never stolen."',
    "The governess put down her needlework. The vicar had come by the new railway to speak of the legacy, and of an "
    "imprudent engagement which, she believed, was at an end.",
)


@dataclass(frozen=True, kw_only=True)
class BookData(Data):
    """Also what the graph is built from."""

    word_weights: NDArray[np.float32]
    """By token id: the fewer use a word, the more it counts."""
    genres: int
    middle_year: float
    """The median of the years trained on."""
    few_authors: bool = False
    """Whether a few wrote it all, and not those who wrote what is to be judged."""


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    from training.datasets import books, books_invented

    if folder is not None:
        return real(books.read(folder, seed), preset, folder.name)
    train = books_invented.passages(preset.examples, seed)
    held_out = books_invented.passages(preset.held_out, HELD_OUT_SEED + seed)
    return described(train, held_out, books_invented.GENRES, preset, "synthetic passages")


def real(read: Books, preset: Preset, name: str) -> BookData:
    alone = f", {read.test:,} of a test part left alone" if read.test else ""
    source = f"passages of {name}{alone}"
    data = described(read.train, read.held_out, read.genres, preset, source, REAL_GOALS, read.problems)
    return replace(data, few_authors=True)


def described(
    train: Sequence[Passage],
    held_out: Sequence[Passage],
    genres: tuple[str, ...],
    preset: Preset,
    source: str,
    goals: Sequence[Goal] | None = None,
    problems: Sequence[str] = (),
) -> BookData:
    """The passages with their tokenizer, its words' weights, signature and preprocessing."""
    from training.datasets.books import columns
    from training.datasets.books_words import vocabulary
    from training.text import tokenizer_of

    known = vocabulary(train, int(preset.options["vocabulary"]) - RESERVED)
    tokenizer = tokenizer_of(known)
    size = tokenizer.get_vocab_size()
    return BookData(
        train=columns(train, genres),
        held_out=columns(held_out, genres),
        signature=signature(genres),
        preprocessing={"text": Text(TOKENIZER, size, max_tokens=MAX_TOKENS, max_characters=10 * MAX_TOKENS)},
        tokenizers={TOKENIZER: tokenizer},
        golden=[{"text": example} for example in EXAMPLES],
        source=source,
        goals=goals,
        problems=problems,
        word_weights=np.array([*[0.0] * RESERVED, *known.values()], np.float32),
        genres=len(genres),
        middle_year=float(np.median([each.year for each in train])),
    )


def signature(genres: tuple[str, ...]) -> Signature:
    text = Input(
        name="text",
        spec=TensorSpec("int32", (None,)),
        description="A passage of a book, best of some hundred words.",
        example=EXAMPLES[0],
        padding=Padding("pad"),
    )
    return Signature(
        (text,),
        (
            Head(name="genre", spec=TensorSpec("float32", (len(genres),)), kind="classes", labels=genres,
                 description="What kind of book it is."),
            Head(name="year", spec=TensorSpec("float32", (1,)), kind="regression", unit="year",
                 description="When it was written."),
        ),
    )  # fmt: skip


def build(data: Data, preset: Preset) -> Any:
    return built(data, preset, ("genre", "year"))


def built(data: Data, preset: Preset, heads: Sequence[str]) -> Any:
    """The model with these heads alone."""
    from models.zoo import book

    assert isinstance(data, BookData)
    names = ("width", "shared", "genre", "year", *(("genre_silence", "year_silence") if data.few_authors else ()))
    sizes: dict[str, Any] = {name: preset.options[name] for name in names}
    return book.build(
        word_weights=data.word_weights,
        genres=data.genres,
        middle_year=data.middle_year,
        years=YEARS,
        sizes=book.Sizes(**sizes),
        heads=heads,
    )


def optimizer(preset: Preset, steps: int) -> Any:
    import keras

    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(float(preset.options["learning_rate"]), steps))


def preset(epochs: int, examples: int, held_out: int, **options: Option) -> Preset:
    own: dict[str, Option] = {
        "vocabulary": 10_000, "width": 32, "shared": 0.00007, "genre": 0.00003, "year": 0.0003,
        "genre_silence": 0.3, "year_silence": 0.5, "learning_rate": 0.007,
    }  # fmt: skip
    return Preset(epochs=epochs, batch_size=64, examples=examples, held_out=held_out, options=own | options)


RECIPE = Recipe(
    name="book",
    description="Tells genre and year of a book from a passage of it.",
    presets={
        "smoke": preset(epochs=1, examples=128, held_out=64),
        "quick": preset(epochs=12, examples=6_000, held_out=1_000),
        "full": preset(epochs=16, examples=20_000, held_out=4_000),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"genre": "sparse_categorical_crossentropy", "year": "mae"},
    loss_weights={"genre": 1.0, "year": 1 / YEARS},
    metrics={"genre": ["accuracy"], "year": ["mae"]},
    goals=(Goal("genre", "accuracy", margin=0.45), Goal("year", "mean_absolute_error", margin=30.0)),
    length_step=50,
)
