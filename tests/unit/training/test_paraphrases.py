"""Invented pairs: the rule of their similarity, what each kind of pair is, and what counting words is worth."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from training.datasets import synonyms
from training.datasets.paraphrases import (
    CHANGES,
    COMPONENTS,
    SHARES,
    Meaning,
    generate,
    meaning,
    other_meaning,
    said,
    similarity,
)
from training.datasets.sentence_pairs import Pair

BOUGHT = Meaning(who=0, action=(False, 0, False), target=(False, 0), count=1, place=None, time=3)
HELPED = Meaning(who=0, action=(True, 0, False), target=(True, 1), count=None, place=2, time=None)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (BOUGHT, 1.0),
        (replace(BOUGHT, who=1), 4 / 5),
        (replace(BOUGHT, action=(False, 0, True)), 4 / 5),
        (replace(BOUGHT, count=2, time=None), 3 / 5),
        (replace(BOUGHT, place=0), 5 / 6),
        (Meaning(1, (False, 1, False), (False, 1), 2, None, 4), 0.0),
    ],
)
def test_similarity_is_the_share_of_components_in_common(other: Meaning, expected: float) -> None:
    assert similarity(BOUGHT, other) == pytest.approx(expected)
    assert similarity(other, BOUGHT) == similarity(BOUGHT, other)


def test_swapped_roles_are_two_differences() -> None:
    swapped = other_meaning(np.random.default_rng(0), HELPED, "swapped")
    assert (swapped.who, swapped.target) == (1, (True, 0))
    assert similarity(HELPED, swapped) == pytest.approx(2 / 4)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_change_changes_its_component_and_no_other(component: str) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        first = meaning(random, to_people=False if component == "count" else None)
        changed = CHANGES[component](random, first)
        assert [name for name in COMPONENTS if getattr(first, name) != getattr(changed, name)] == [component]
        assert changed.target != (True, changed.who)


def test_one_meaning_is_said_in_many_ways_all_of_them_sentences() -> None:
    random = np.random.default_rng(2)
    ways = {said(random, HELPED) for _ in range(300)}
    assert len(ways) > 30
    assert {
        "The doctor helped the teacher by the sea.",
        "By the sea, the physician helped the teacher.",
        "The instructor was assisted by the doctor at the shore.",
    } <= ways
    for way in ways:
        assert re.fullmatch(r"[A-Z][a-z ,]+\.", way)


def test_who_did_it_can_be_read_from_either_voice() -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        sentence = said(random, replace(HELPED, place=None)).lower()
        voice = re.fullmatch(r"the (\w+) (was )?(helped|assisted) (?:by )?the (\w+)\.", sentence)
        assert voice
        doer = voice[4] if voice[2] else voice[1]
        assert doer in ("doctor", "physician")


def test_the_same_seed_gives_the_same_pairs() -> None:
    assert generate(40, 5) == generate(40, 5)
    assert generate(40, 5) != generate(40, 6)


def test_held_out_pairs_are_apart_from_those_trained_on_in_either_order() -> None:
    first = generate(30, 0)
    turned = [Pair(each.right, each.left, each.similarity) for each in first[:10]]
    others = generate(30, 0, apart_from=turned)

    assert not {frozenset((each.left, each.right)) for each in others} & {
        frozenset((each.left, each.right)) for each in turned
    }


def test_kinds_come_in_their_shares_and_mean_what_they_say() -> None:
    pairs = generate(3_000, 0)
    by_kind = {kind: [each.similarity for each in pairs if each.kind == kind] for kind in SHARES}

    assert sum(map(len, by_kind.values())) == len(pairs)
    for kind, share in SHARES.items():
        assert len(by_kind[kind]) / len(pairs) == pytest.approx(share, abs=0.03)
    assert set(by_kind["same"]) == {1.0}
    assert max(*by_kind["swapped"], *by_kind["changed"]) < 1
    assert np.mean(by_kind["unrelated"]) < 0.1
    assert all(each.left != each.right for each in pairs if each.kind == "same")


def test_words_in_common_do_not_tell_the_similarity() -> None:
    """The figure that the recipe states for a baseline of words in common, with room for another seed."""
    pairs = generate(3_000, 0)
    shared = []
    for each in pairs:
        left, right = (set(re.findall(r"\w+", text.lower())) for text in (each.left, each.right))
        shared.append(len(left & right) / len(left | right))
    assert 0.5 < np.corrcoef(shared, [each.similarity for each in pairs])[0, 1] < 0.6


def test_no_two_concepts_share_a_way_to_say_them() -> None:
    for choices in (synonyms.PEOPLE, synonyms.THINGS, synonyms.COUNTS, synonyms.PLACES, synonyms.TIMES):
        ways = [way for concept in choices for way in concept]
        assert len(set(ways)) == len(ways)
    for actions in (synonyms.TO_PEOPLE, synonyms.TO_THINGS):
        forms = [form for action in actions for way in action for form in set(way)]
        assert len(set(forms)) == len(forms)
