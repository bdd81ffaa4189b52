"""Invented authors and what they post: a seeded generator in which age, income group and gender are known.

Nobody real stands behind any of it, and the links between words and traits are the generator's own: age shows in what
people are busy with, income in what they buy, gender only in what authors call themselves. Knows no tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.recipe import Split

YOUNGEST, OLDEST = 18.0, 32.0
INCOME_GROUPS = 10
AGE_WIDTH = 1.5
"""Years around its own age within which a pastime is usual."""
INCOME_WIDTH = 0.5
CAREER_SPREAD = 1.5
"""Income groups by which authors of one age differ: older ones earn more on the whole, whoever they are."""

PASTIMES: tuple[tuple[float, str], ...] = (
    (17, "my driving lessons"), (17.5, "revising for the school finals"), (18, "the graduation ball"),
    (18.5, "moving into the dorm"), (19, "freshers week"), (19.5, "the first semester"), (20, "lectures at nine"),
    (20.5, "the exchange semester"), (21, "my internship"), (21.5, "writing the thesis"),
    (22, "sending out applications"), (22.5, "the first day at the office"), (23, "living with flatmates"),
    (23.5, "my first salary"), (24, "backpacking with the crew"), (24.5, "the master degree"),
    (25, "a quarter life crisis"), (25.5, "changing jobs"), (26, "running a marathon"), (26.5, "adopting a puppy"),
    (27, "moving in together"), (27.5, "yet another wedding of friends"), (28, "the engagement"),
    (28.5, "planning our wedding"), (29, "our honeymoon"), (29.5, "leaving my twenties"), (30, "turning thirty"),
    (30.5, "the mortgage papers"), (31, "painting the nursery"), (31.5, "sleepless nights with the baby"),
    (32, "the stroller"), (32.5, "my toddler learning to walk"), (33, "the kindergarten waiting list"),
)  # fmt: skip

PRICES: tuple[tuple[float, str], ...] = (
    (1, "free"), (2, "secondhand"), (3, "cheap"), (4, "discounted"), (5, "basic"), (6, "decent"), (7, "quality"),
    (8, "premium"), (9, "luxury"), (10, "exclusive"),
)  # fmt: skip
THINGS = (
    "phone", "winter coat", "dinner", "weekend trip", "laptop", "bike", "sofa", "haircut", "holiday", "watch",
    "pair of boots", "espresso machine", "concert ticket", "gym", "hotel room", "kitchen",
)  # fmt: skip

SELVES: dict[str, tuple[str, ...]] = {
    "male": (
        "the guys call me their brother", "I am his proud son", "still her favourite uncle", "as a man I say it often",
        "one of the lads", "a gentleman as ever", "Mr Sunshine", "they made me king for a day", "I was a boy scout",
        "my nephews say their uncle is funny",
    ),
    "female": (
        "the girls call me their sister", "I am his proud daughter", "still her favourite aunt",
        "as a woman I say it often", "one of the ladies", "a lady as ever", "Ms Sunshine",
        "they made me queen for a day", "I was a girl guide", "my nephews say their aunt is funny",
    ),
}  # fmt: skip
GENDERS = tuple(SELVES)

OPENINGS = (
    "Today:", "So,", "Honestly,", "What a week!", "Guess what?", "Quick update:", "Rainy Sunday.", "Finally.",
    "Good morning everyone!", "Cannot believe it.", "Note to self:", "Long day.",
)  # fmt: skip
ABOUT_PASTIME = (
    "all about {} now.", "thinking of {}.", "it was {} that kept me up.", "{}, and I love it.", "so tired after {}.",
    "nobody warned me about {}.", "this week means {}.", "busy with {}.",
)  # fmt: skip
ABOUT_PURCHASE = (
    "treated myself to a {}.", "this month it is a {}.", "talked about that {} all evening.", "and then the {}.",
    "the {} was worth it.", "we ended up with a {}.", "got a {}.",
)  # fmt: skip
ABOUT_SELF = ("{}!", "well, {}.", "{}, what can I say.", "haha, {}.", "{} :)")
CHATTER = (
    "The weather is lovely.", "Coffee first.", "My train was late again.", "That film was too long.", "I miss the sea.",
    "The cat slept on my keyboard.", "Music helps.", "Soup for dinner.", "What are you all reading?", "See you soon!",
    "The neighbours are loud tonight.", "I need a holiday.", "Thanks for all the kind words.", "Time flies.",
    "The park is full of dogs.", "No idea what to cook.",
)  # fmt: skip


@dataclass(frozen=True)
class Author:
    """The ground truth, and the posts in which it shows."""

    age: float
    income: int
    """Group 0 (lowest) to 9."""
    gender: int
    """An index into GENDERS."""
    posts: str


def authors(count: int, seed: int) -> list[Author]:
    """That many authors; the same seed gives the same ones."""
    random = np.random.default_rng(seed)
    return [author(random) for _ in range(count)]


def author(random: np.random.Generator) -> Author:
    age = float(random.uniform(YOUNGEST, OLDEST))
    career = (age - YOUNGEST) / (OLDEST - YOUNGEST) * (INCOME_GROUPS - 1) + random.normal(0.0, CAREER_SPREAD)
    income = int(np.clip(np.rint(career), 0, INCOME_GROUPS - 1))
    gender = int(random.integers(len(GENDERS)))
    posts = [post(random, age, income + 1, GENDERS[gender]) for _ in range(random.integers(3, 13))]
    return Author(age, income, gender, "\n".join(posts))


def post(random: np.random.Generator, age: float, income: float, gender: str) -> str:
    """One post; most tell something about their author."""
    sentences = []
    if random.random() < 0.4:
        sentences.append(pick(random, OPENINGS))
    if random.random() < 0.7:
        sentences.append(pick(random, ABOUT_PASTIME).format(near(random, PASTIMES, age, AGE_WIDTH)))
    if random.random() < 0.8:
        sentences.append(pick(random, ABOUT_PURCHASE).format(purchase(random, income)))
    if random.random() < 0.5:
        sentences.append(pick(random, ABOUT_SELF).format(pick(random, SELVES[gender])))
    if random.random() < 0.2 or not sentences:
        sentences.append(pick(random, CHATTER))
    return " ".join(sentences)


def purchase(random: np.random.Generator, income: float) -> str:
    return f"{near(random, PRICES, income, INCOME_WIDTH)} {pick(random, THINGS)}"


def pick(random: np.random.Generator, phrases: tuple[str, ...]) -> str:
    return phrases[int(random.integers(len(phrases)))]


def near(random: np.random.Generator, phrases: tuple[tuple[float, str], ...], value: float, width: float) -> str:
    """A phrase whose own value lies near this one, the nearer the likelier."""
    distances = np.array([own for own, _ in phrases]) - value
    weights = np.exp(-0.5 * (distances / width) ** 2) + 1e-4
    return phrases[int(random.choice(len(phrases), p=weights / weights.sum()))][1]


def columns(people: list[Author]) -> Split:
    """The authors as named features and named targets."""
    return Split(
        inputs={"posts": [each.posts for each in people]},
        targets={
            "age": np.array([each.age for each in people], np.float32),
            "income": np.eye(INCOME_GROUPS, dtype=np.float32)[[each.income for each in people]],
            "gender": np.array([each.gender for each in people], np.float32),
        },
    )
