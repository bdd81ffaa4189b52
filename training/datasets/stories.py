"""A seeded source of small-world stories: people move, take and drop things, and a question asks for one word.

The words and phrases are those of the bAbI tasks; nothing is downloaded. Knows no tokens, no Keras and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

KINDS = ("single_fact", "two_facts", "yes_no", "counting", "negation")
PRACTISED = (*KINDS, "two_facts")
"""Kinds in training: two facts are the hardest to learn by far, and are practised twice as much."""
PEOPLE = ("Mary", "John", "Daniel", "Sandra", "Bill", "Fred", "Julie", "Jeff")
PLACES = ("kitchen", "garden", "office", "bathroom", "bedroom", "hallway", "park", "school")
THINGS = ("football", "milk", "apple")
MOVES = ("went to", "moved to", "journeyed to", "travelled to", "went back to", "is in")
TAKES = ("got", "picked up", "grabbed", "took")
DROPS = ("dropped", "discarded", "left", "put down")
DENIALS = ("is no longer in", "is not in")
NUMBERS = ("none", "one", "two", "three")
MIN_SENTENCES, MAX_SENTENCES = 2, 20
LOWER_CASE_SHARE = 0.2


class Example(NamedTuple):
    """A story, a question about it, and the one word that answers it."""

    text: str
    question: str
    answer: str
    kind: str
    sentences: int


class Split(NamedTuple):
    """Two parts that share no story."""

    train: list[Example]
    held_out: list[Example]


def generate(seed: int, train: int, held_out: int) -> Split:
    """As many examples of each part as asked for; held out, the kinds have even shares."""
    kept = take(held_out, examples(np.random.default_rng([seed, 1]), KINDS), set())
    stories = {key(example.text) for example in kept}
    return Split(take(train, examples(np.random.default_rng([seed, 0]), PRACTISED), stories), kept)


def take(count: int, source: Iterator[Example], without: set[str]) -> list[Example]:
    """The first `count` examples whose story is not among those to leave out."""
    fresh = (example for example in source if key(example.text) not in without)
    return [next(fresh) for _ in range(count)]


def key(text: str) -> str:
    """What makes two stories the same: their words, whatever their capital letters."""
    return " ".join(text.lower().split())


def examples(rng: np.random.Generator, kinds: Sequence[str]) -> Iterator[Example]:
    """Examples without end. Kinds take turns, lengths are uniform."""
    uniform = uniforms(rng)
    spread = MAX_SENTENCES - MIN_SENTENCES + 1
    while True:
        for kind in kinds:
            yield example(kind, MIN_SENTENCES + int(uniform() * spread), uniform)


def uniforms(rng: np.random.Generator) -> Callable[[], float]:
    """Numbers in [0, 1), one per call; drawn in blocks, which is many times faster than one by one."""

    def stream() -> Iterator[float]:
        while True:
            yield from rng.random(65536).tolist()

    return stream().__next__


def example(kind: str, sentences: int, uniform: Callable[[], float]) -> Example:
    """A story of exactly that many sentences that can be asked a question of that kind."""
    asked = None
    while asked is None:
        world = World(kind, uniform)
        lines = [world.step() for _ in range(sentences)]
        asked = world.ask()
    text, (question, answer) = " ".join(lines), asked
    if uniform() < LOWER_CASE_SHARE:
        text, question = text.lower(), question.lower()
    return Example(text, question, answer, kind, sentences)


class World:
    """Who is where and who carries what, while a story is told."""

    def __init__(self, kind: str, uniform: Callable[[], float]) -> None:
        self.kind = kind
        self._uniform = uniform
        cast = 2 + int(uniform() * 3)
        first = int(uniform() * len(PEOPLE))
        stride = (1, 3, 5, 7)[int(uniform() * 4)]
        self.cast = [PEOPLE[(first + stride * i) % len(PEOPLE)] for i in range(cast)]
        self.place: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self.holder: dict[str, str] = {}
        self.thing_at: dict[str, str] = {}
        self.seen: set[str] = set()
        handling = {"two_facts": 0.5, "counting": 0.6}
        self.handling = handling.get(kind, 0.3 if uniform() < 0.5 else 0.0)
        self.denying = 0.4 if kind == "negation" else 0.0

    def pick(self, items: tuple[str, ...] | list[str]) -> str:
        return items[int(self._uniform() * len(items))]

    def step(self) -> str:
        """The next sentence of the story."""
        person, chance = self.pick(self.cast), self._uniform()
        self.seen.add(person)
        if chance < self.handling:
            return self.handle(person) or self.move(person)
        return self.deny(person) if chance > 1 - self.denying else self.move(person)

    def move(self, person: str) -> str:
        here = self.place.get(person)
        there = self.pick(PLACES)
        while there == here:
            there = self.pick(PLACES)
        self.place[person] = there
        self.absent.pop(person, None)
        return f"{person} {self.pick(MOVES)} the {there}."

    def handle(self, person: str) -> str | None:
        """Something is taken or dropped, if that person can."""
        place = self.place.get(person)
        if place is None:
            return None
        thing, ending = self.pick(THINGS), " there." if self._uniform() < 0.3 else "."
        holder = self.holder.get(thing)
        if holder == person:
            del self.holder[thing]
            self.thing_at[thing] = place
            return f"{person} {self.pick(DROPS)} the {thing}{ending}"
        if holder is None and self.thing_at.get(thing, place) == place:
            self.holder[thing] = person
            return f"{person} {self.pick(TAKES)} the {thing}{ending}"
        return None

    def deny(self, person: str) -> str:
        """That person is said not to be somewhere: where they were, or anywhere else."""
        here = self.place.get(person)
        if here is not None and self._uniform() < 0.7:
            del self.place[person]
            self.absent[person] = here
            return f"{person} {self.pick(DENIALS)} the {here}."
        elsewhere = self.pick(PLACES)
        while elsewhere == here:
            elsewhere = self.pick(PLACES)
        if here is None:
            self.absent[person] = elsewhere
        return f"{person} is not in the {elsewhere}."

    def ask(self) -> tuple[str, str] | None:
        """A question of this world's kind and its answer; None when the story does not allow one."""
        match self.kind:
            case "single_fact":
                return self.ask_where_person()
            case "two_facts":
                return self.ask_where_thing()
            case "counting":
                return self.ask_how_many()
            case _:
                return self.ask_whether()

    def ask_where_person(self) -> tuple[str, str] | None:
        if not self.place:
            return None
        person = self.pick(sorted(self.place))
        return f"Where is {person}?", self.place[person]

    def ask_where_thing(self) -> tuple[str, str] | None:
        places = {thing: self.place.get(holder) for thing, holder in self.holder.items()}
        known = {**self.thing_at, **{thing: place for thing, place in places.items() if place}}
        if not known:
            return None
        thing = self.pick(sorted(known))
        return f"Where is the {thing}?", known[thing]

    def ask_how_many(self) -> tuple[str, str]:
        """Every number that occurs is asked for equally often, or `none` would be most answers."""
        carried = list(self.holder.values())
        counts = {person: carried.count(person) for person in sorted(self.seen)}
        count = self.pick([NUMBERS[number] for number in sorted(set(counts.values()))])
        person = self.pick([person for person, number in counts.items() if NUMBERS[number] == count])
        return f"How many objects is {person} carrying?", count

    def ask_whether(self) -> tuple[str, str] | None:
        """Is someone somewhere: yes and no equally often, a denial asked after as often as a wrong place."""
        if self._uniform() < 0.5:
            return self.ask_whether_there(sorted(self.place))
        if self.absent and self._uniform() < 0.5:
            person = self.pick(sorted(self.absent))
            return f"Is {person} in the {self.absent[person]}?", "no"
        return self.ask_whether_elsewhere(sorted(self.place))

    def ask_whether_there(self, people: list[str]) -> tuple[str, str] | None:
        if not people:
            return None
        person = self.pick(people)
        return f"Is {person} in the {self.place[person]}?", "yes"

    def ask_whether_elsewhere(self, people: list[str]) -> tuple[str, str] | None:
        """A wrong place, mostly one that the story mentions, or spotting it would be too easy."""
        if not people:
            return None
        person = self.pick(people)
        others = [place for place in self.mentioned() if place != self.place[person]]
        if not others or self._uniform() < 0.3:
            others = [place for place in PLACES if place != self.place[person]]
        return f"Is {person} in the {self.pick(others)}?", "no"

    def mentioned(self) -> list[str]:
        return sorted({*self.place.values(), *self.absent.values(), *self.thing_at.values()})
