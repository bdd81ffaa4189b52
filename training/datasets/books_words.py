"""Which words of book passages are worth knowing, and how much each of them counts.

A word that only its author uses would teach who wrote a passage, which says nothing of anybody else's. Knows no ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from training.datasets.books import Passage, writers
from training.text import tokenizer_of

SHARE = 1 / 8
"""A word is known if this share of the authors uses it, and two at least. A passage without an author counts as one of
its own; if no author is known, two passages are enough."""


def vocabulary(passages: Sequence[Passage], most: int) -> dict[str, float]:
    """At most that many words, the widespread first, each with its weight: the fewer use a word, the more it tells."""
    users: dict[str, set[str | int]] = {}
    authors = writers(passages)
    for author, words in zip(authors, split([each.text for each in passages]), strict=True):
        for word in words:
            users.setdefault(word, set()).add(author)
    everybody = len(set(authors))
    named = any(each.author for each in passages)
    enough = max(2, math.ceil(everybody * SHARE)) if named else 2
    counts = {word: len(who) for word, who in users.items() if len(who) >= enough}
    widespread = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return {word: 1 + math.log((1 + everybody) / (1 + counts[word])) for word in widespread}


def split(texts: Sequence[str]) -> list[set[str]]:
    """The different words and marks of each text, as the tokenizer takes them apart."""
    empty = tokenizer_of([])
    normal = (empty.normalizer.normalize_str(text) for text in texts)
    return [{word for word, _ in empty.pre_tokenizer.pre_tokenize_str(text)} for text in normal]
