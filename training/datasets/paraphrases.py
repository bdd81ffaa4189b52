"""Invented pairs of sentences whose similarity is known: a seeded generator of meanings and of ways to say them.

Synthetic. A meaning has six components: who, does what, to whom or what, how many, where and when. The ground truth
is the share of components that two meanings have in common among those that either of them has: 1 is the same said
in other words, 0 has nothing in common. An action and its negation are two different actions. Who did something and
to whom are two components, so the same words with the roles swapped are not the same. Knows no tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeVar

import numpy as np

from training.datasets.sentence_pairs import Pair
from training.datasets.synonyms import COUNTS, PEOPLE, PLACES, THINGS, TIMES, TO_PEOPLE, TO_THINGS

T = TypeVar("T")

Kind = Literal["same", "swapped", "changed", "unrelated"]
SHARES: dict[Kind, float] = {"same": 0.2, "swapped": 0.15, "changed": 0.5, "unrelated": 0.15}
"""`same`: a reformulation. `swapped`: who and to whom change places. `changed`: one to four components differ.
`unrelated`: two meanings drawn by themselves."""


@dataclass(frozen=True)
class Meaning:
    """What is said, as numbers into the lists above; None is a component that is not mentioned."""

    who: int
    action: tuple[bool, int, bool]
    """Whether to people, an index into TO_PEOPLE or TO_THINGS, whether negated."""
    target: tuple[bool, int]
    """Whether one of PEOPLE, else of THINGS, and which."""
    count: int | None
    place: int | None
    time: int | None


COMPONENTS = tuple(each.name for each in fields(Meaning))


def similarity(left: Meaning, right: Meaning) -> float:
    """The share of components in common among those that either has."""
    pairs = [(getattr(left, name), getattr(right, name)) for name in COMPONENTS]
    there = [pair for pair in pairs if pair != (None, None)]
    return float(np.mean([one == other for one, other in there]))


def generate(count: int, seed: int, apart_from: Sequence[Pair] = ()) -> list[Pair]:
    """That many pairs, none of which is `apart_from`, in either order; the same seed gives the same ones."""
    random = np.random.default_rng([seed, count])
    known = {frozenset((each.left, each.right)) for each in apart_from}
    kinds: list[Kind] = list(SHARES)
    pairs: list[Pair] = []
    while len(pairs) < count:
        made = pair(random, kinds[int(random.choice(len(kinds), p=list(SHARES.values())))])
        if frozenset((made.left, made.right)) not in known:
            pairs.append(made)
    return pairs


def pair(random: np.random.Generator, kind: Kind) -> Pair:
    first = meaning(random, to_people=True if kind == "swapped" else None)
    other = other_meaning(random, first, kind)
    left, right = said(random, first), said(random, other)
    if kind == "same" and left == right:
        return pair(random, kind)
    if random.random() < 0.5:
        left, right = right, left
    return Pair(left, right, similarity(first, other), kind)


def meaning(random: np.random.Generator, to_people: bool | None = None) -> Meaning:
    people = random.random() < 0.5 if to_people is None else to_people
    who = draw(random, PEOPLE)
    return Meaning(
        who=who,
        action=(people, draw(random, TO_PEOPLE if people else TO_THINGS), random.random() < 0.25),
        target=(people, draw_other(random, PEOPLE, who) if people else draw(random, THINGS)),
        count=None if people else draw(random, COUNTS),
        place=draw(random, PLACES) if random.random() < 0.7 else None,
        time=draw(random, TIMES) if random.random() < 0.5 else None,
    )


def other_meaning(random: np.random.Generator, first: Meaning, kind: Kind) -> Meaning:
    if kind == "unrelated":
        return meaning(random)
    if kind == "swapped":
        return replace(first, who=first.target[1], target=(True, first.who))
    if kind == "changed":
        names = [name for name in COMPONENTS if name != "count" or first.count is not None]
        for name in random.choice(names, size=random.integers(1, 5), replace=False):
            first = CHANGES[str(name)](random, first)
    return first


def changed_who(random: np.random.Generator, old: Meaning) -> Meaning:
    busy = old.target[1] if old.target[0] else old.who
    return replace(old, who=draw_other(random, PEOPLE, old.who, busy))


def changed_action(random: np.random.Generator, old: Meaning) -> Meaning:
    """Another action, or the opposite."""
    people, action, negated = old.action
    if random.random() < 0.5:
        return replace(old, action=(people, action, not negated))
    return replace(old, action=(people, draw_other(random, TO_PEOPLE if people else TO_THINGS, action), negated))


def changed_target(random: np.random.Generator, old: Meaning) -> Meaning:
    people, target = old.target
    drawn = draw_other(random, PEOPLE, target, old.who) if people else draw_other(random, THINGS, target)
    return replace(old, target=(people, drawn))


def changed_count(random: np.random.Generator, old: Meaning) -> Meaning:
    return replace(old, count=draw_other(random, COUNTS, old.count))


def changed_place(random: np.random.Generator, old: Meaning) -> Meaning:
    return replace(old, place=draw_other(random, PLACES, old.place))


def changed_time(random: np.random.Generator, old: Meaning) -> Meaning:
    return replace(old, time=draw_other(random, TIMES, old.time))


CHANGES: dict[str, Callable[[np.random.Generator, Meaning], Meaning]] = {
    "who": changed_who, "action": changed_action, "target": changed_target,
    "count": changed_count, "place": changed_place, "time": changed_time,
}  # fmt: skip


def said(random: np.random.Generator, what: Meaning) -> str:
    """One of the many ways to say it: synonyms, active or passive, place and time in front or behind."""
    people, action, negated = what.action
    infinitive, past, participle = pick(random, (TO_PEOPLE if people else TO_THINGS)[action])
    who, target = pick(random, PEOPLE[what.who]), pick(random, (PEOPLE if people else THINGS)[what.target[1]])
    if what.count is not None:
        target = f"{pick(random, COUNTS[what.count])} {target}"
    if random.random() < 0.5:
        core = f"{who} did not {infinitive} {target}" if negated else f"{who} {past} {target}"
    else:
        was = "was" if people else "were"
        core = f"{target} {was} not {participle} by {who}" if negated else f"{target} {was} {participle} by {who}"
    return " ".join(arranged(random, core, list(circumstances(random, what)))).capitalize() + "."


def circumstances(random: np.random.Generator, what: Meaning) -> Iterator[str]:
    if what.place is not None:
        yield pick(random, PLACES[what.place])
    if what.time is not None:
        yield pick(random, TIMES[what.time])


def arranged(random: np.random.Generator, core: str, around: list[str]) -> list[str]:
    """The circumstances in any order, at most one of them in front of the core."""
    random.shuffle(around)
    front = 1 if around and random.random() < 0.4 else 0
    return [*(f"{each}," for each in around[:front]), core, *around[front:]]


def draw(random: np.random.Generator, choices: Sequence[object]) -> int:
    return int(random.integers(len(choices)))


def draw_other(random: np.random.Generator, choices: Sequence[object], *taken: int | None) -> int:
    left = [place for place in range(len(choices)) if place not in taken]
    return left[draw(random, left)]


def pick(random: np.random.Generator, ways: Sequence[T]) -> T:
    return ways[draw(random, ways)]
