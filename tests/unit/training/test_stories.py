"""The invented stories: seeded, of the lengths and kinds asked for, and right about their own world."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from training.datasets import stories
from training.datasets.stories import KINDS, Example, World, example, examples, generate, key, take


def some(count: int, seed: int = 7) -> list[Example]:
    return list(islice(examples(np.random.default_rng(seed), KINDS), count))


def test_same_seed_same_stories() -> None:
    assert generate(3, 40, 10) == generate(3, 40, 10)
    assert generate(3, 40, 10) != generate(4, 40, 10)


def test_no_held_out_story_is_trained_on() -> None:
    split = generate(0, 5_000, 1_000)
    trained_on = {key(each.text) for each in split.train}
    assert (len(split.train), len(split.held_out)) == (5_000, 1_000)
    assert not trained_on & {key(each.text) for each in split.held_out}


def test_a_story_that_is_held_out_is_left_out_whatever_its_capitals() -> None:
    known = Example("John is in the park.", "Where is John?", "park", "single_fact", 1)
    fresh = Example("John is in the school.", "Where is John?", "school", "single_fact", 1)
    shouted = known._replace(text=known.text.upper())
    assert take(1, iter([known, shouted, fresh]), {key(known.text)}) == [fresh]


def test_every_kind_and_every_length_occurs() -> None:
    found = some(2_000)
    assert Counter(each.kind for each in found) == dict.fromkeys(KINDS, 400)
    assert {each.sentences for each in found} == set(range(2, 21))
    assert all(each.text.count(".") == each.sentences for each in found)
    assert all(each.question.endswith("?") and len(each.answer.split()) == 1 for each in found)


def test_some_stories_have_no_capital_letters() -> None:
    lower = [each.text == each.text.lower() for each in some(1_000)]
    assert 0.1 < np.mean(lower) < 0.3


@pytest.mark.parametrize(("kind", "answers"), [("yes_no", {"yes", "no"}), ("negation", {"yes", "no"})])
def test_yes_and_no_are_about_as_frequent(kind: str, answers: set[str]) -> None:
    counts = Counter(each.answer for each in some(3_000) if each.kind == kind)
    assert set(counts) == answers
    assert min(counts.values()) > 0.4 * counts.total()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_follow_from_the_text(kind: str) -> None:
    for each in some(1_500):
        if each.kind == kind:
            assert answer_of(each.text.lower(), each.question.lower()) == each.answer, each


def test_a_world_that_does_not_allow_the_question_is_told_anew() -> None:
    """Nobody takes anything in most stories of two sentences; the question still needs a thing."""
    uniform = stories.uniforms(np.random.default_rng(0))
    assert all(example("two_facts", 2, uniform).answer in stories.PLACES for _ in range(20))


def test_an_empty_world_has_no_questions() -> None:
    uniform: Callable[[], float] = stories.uniforms(np.random.default_rng(0))
    assert [World(kind, uniform).ask() for kind in ("single_fact", "two_facts", "yes_no")] == [None, None, None]


def test_data_sets_import_without_tensorflow() -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import training.datasets.stories, training.datasets.babi"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def answer_of(text: str, question: str) -> str:
    """A second reading of the world, from the words alone."""
    place: dict[str, str] = {}
    holder: dict[str, str] = {}
    left_at: dict[str, str] = {}
    for sentence in text.removesuffix(".").split(". "):
        words = sentence.removesuffix(" there").split()
        person, last = words[0], words[-1]
        if " not in " in sentence or " no longer in " in sentence:
            if place.get(person) == last:
                del place[person]
        elif " to the " in sentence or " is in " in sentence:
            place[person] = last
        elif words[1] in ("got", "picked", "grabbed", "took"):
            assert last not in holder
            holder[last] = person
        else:
            assert holder.pop(last) == person
            left_at[last] = place[person]
    asked = question.removesuffix("?").split()
    if question.startswith("where is the"):
        thing = asked[-1]
        return place[holder[thing]] if thing in holder else left_at[thing]
    if question.startswith("where is"):
        return place[asked[-1]]
    if question.startswith("how many"):
        return stories.NUMBERS[list(holder.values()).count(asked[4])]
    return "yes" if place.get(asked[1]) == asked[-1] else "no"
