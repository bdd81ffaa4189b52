"""Age, income group and gender of an author from a series of posts (section 7.1.3).

    python -m training author_profile

On 2 cores: 30 to 60 seconds (preset quick), 6 seconds (smoke), 4 minutes (full), all with the import of TensorFlow.
Held out, with seed 0:

    training/results/author_profile-quick.json   model   naive
    age/mean_absolute_error                       .966    3.44
    income/accuracy                               .611    .121
    gender/accuracy                               .982    .495

    training/results/author_profile-full.json    model   naive
    age/mean_absolute_error                       .680    3.56
    income/accuracy                               .942    .104
    gender/accuracy                               .984    .503

What becomes of each head when its loss is not weighted:

    held-out figure             naive    weights .25, 1, 10    without weights
    age, mean absolute error     3.44                   .97                .72
    income, accuracy             .121                  .611               .652
    gender, accuracy             .495                  .982               .501

Without weights the squared years are the largest of the losses; every feature is spent on age, and on income, which
goes with age, and gender is left to chance. `python -m training.experiments loss_weights` trains both and prints it.

The authors are invented (training/datasets/authors.py). What such a model claims about a real person is a guess from
words, right at best on average. Used to decide about people, or to find out what they did not say, it does harm:
gender is not a matter of two labels that a text gives away, income guessed from a style of writing discriminates, and
in many places the law forbids such profiling without consent. The model is here because three heads of three kinds
make a good example; do not point it at real posts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.preprocessing import Text
from models.signature import Head, Input, Padding, Signature, TensorSpec
from training.recipe import Data, Goal, Preset, Recipe

TOKENIZER = "posts.tokenizer.json"
VOCABULARY = 1_000
"""As many as the default variant embeds; the invented authors use some 250."""
MAX_TOKENS = 4_000
TAIL = 294
"""Zeros behind every text: the receptive field of the stack and one stride (models/zoo/author_profile.py)."""
HELD_OUT_SEED = 1_000_003
EXAMPLES = (
    "Long day. busy with painting the nursery. treated myself to a luxury holiday.\nstill her favourite aunt :)",
    "Finally. freshers week, and I love it. got a secondhand bike.\nI was a boy scout!",
    "hello",
)


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    from training.datasets.authors import authors, columns
    from training.text import word_tokenizer

    if folder is not None:
        raise ValueError("author_profile reads no folder: no public set of posts with these three targets is known")
    train = authors(preset.examples, seed)
    tokenizer = word_tokenizer((each.posts for each in train), VOCABULARY)
    return Data(
        train=columns(train),
        held_out=columns(authors(preset.held_out, HELD_OUT_SEED + seed)),
        signature=signature(),
        preprocessing={
            "posts": Text(tokenizer=TOKENIZER, vocabulary_size=VOCABULARY, max_tokens=MAX_TOKENS, max_characters=40_000)
        },
        tokenizers={TOKENIZER: tokenizer},
        golden=[{"posts": example} for example in EXAMPLES],
        source="synthetic authors",
    )


def signature() -> Signature:
    from training.datasets.authors import GENDERS, INCOME_GROUPS

    posts = Input(
        name="posts",
        spec=TensorSpec("int32", (None,)),
        description="What one person posted, all posts in one text.",
        example=EXAMPLES[0],
        padding=Padding("pad", tail=TAIL),
    )
    groups = tuple(f"group {number}" for number in range(1, INCOME_GROUPS + 1))
    return Signature(
        (posts,),
        (
            Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years",
                 description="The author's age; all invented authors are between 18 and 32."),
            Head(name="income", spec=TensorSpec("float32", (INCOME_GROUPS,)), kind="classes", labels=groups,
                 description="Income group, 1 the lowest tenth and 10 the highest."),
            Head(name="gender", spec=TensorSpec("float32", (1,)), kind="binary", labels=GENDERS,
                 description="The gender by which the author goes."),
        ),
    )  # fmt: skip


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import author_profile

    return author_profile.build(mean_age=float(data.train.targets["age"].mean()))


def optimizer(preset: Preset, steps: int) -> Any:
    import keras

    rate = keras.optimizers.schedules.CosineDecay(float(preset.options["learning_rate"]), steps)
    return keras.optimizers.RMSprop(rate, clipnorm=1.0)


def preset(epochs: int, examples: int, held_out: int) -> Preset:
    return Preset(epochs=epochs, batch_size=64, examples=examples, held_out=held_out, options={"learning_rate": 0.002})


RECIPE = Recipe(
    name="author_profile",
    description="Guesses age, income group and gender of an invented author from a series of posts.",
    presets={
        "smoke": preset(epochs=1, examples=128, held_out=64),
        "quick": preset(epochs=10, examples=6_000, held_out=1_000),
        "full": preset(epochs=20, examples=20_000, held_out=4_000),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"age": "mse", "income": "categorical_crossentropy", "gender": "binary_crossentropy"},
    loss_weights={"age": 0.25, "income": 1.0, "gender": 10.0},
    metrics={"age": ["mae"], "income": ["accuracy"], "gender": ["accuracy"]},
    goals=(
        Goal("age", "mean_absolute_error", margin=1.5),
        Goal("income", "accuracy", margin=0.2),
        Goal("gender", "accuracy", margin=0.25),
    ),
    length_step=25,
)
