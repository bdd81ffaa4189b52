"""Question answering: a text and a question go in, one word out of a fixed choice comes out (section 7.1.2).

The chapter's two LSTMs, and a served default that reads sentence by sentence. Knows token ids only, no words: 0 is
padding, 1 an unknown word, 2 the end of a sentence.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

from models.zoo.graph import connected_model

PADDING, UNKNOWN, PERIOD = 0, 1, 2
POSITIONS = 12
"""Positions in a sentence that are told apart; all later words count as the last."""

Tensor = Any
"""A symbolic tensor; Keras has no types to check it by."""


def build(variant: Literal["default", "chapter"] = "default", **sizes: Any) -> keras.Model:
    """One of the two graphs; `sizes` are the keyword arguments of `default` or `chapter`."""
    if variant not in ("default", "chapter"):
        raise ValueError(f"question_answering has the variants 'default' and 'chapter', not {variant!r}")
    return default(**sizes) if variant == "default" else chapter(**sizes)


def chapter(*, vocabulary: int = 10_000, answers: int = 500) -> keras.Model:
    """Each input through its own embedding and LSTM, last states joined: 1,000,052 parameters at the given sizes.

    Masked, or zeros on the right would be read as words.
    """
    text, question = inputs()
    read = layers.LSTM(32)(layers.Embedding(vocabulary, 64, mask_zero=True)(text))
    asked = layers.LSTM(16)(layers.Embedding(vocabulary, 32, mask_zero=True)(question))
    return model(text, question, layers.concatenate([read, asked]), answers)


def default(
    *,
    vocabulary: int = 128,
    answers: int = 32,
    width: int = 64,
    hops: int = 2,
    sentences: int = 32,
    dropout: float = 0.0,
) -> keras.Model:
    """Reduces the question with every sentence in turn, hop by hop, after query-reduction networks (Seo et al. 2017).

    A sentence is a sum of its words, each weighted by its position. A hop carries a state past the sentences; a gate
    on each sentence says how much of the state it replaces. All hops but the last do so in both directions, so that
    the next one knows what was said before a sentence and after it ("who takes the milk next?"). Of a longer text
    the last `sentences` sentences are read.
    """
    text, question = inputs()
    words = layers.Embedding(vocabulary, width, name="words")
    places = layers.Embedding(POSITIONS, width, embeddings_initializer="ones", name="places")
    slots = segment(text, sentences)
    facts = layers.Dropout(dropout)(encode(words(text), places, slots))
    asked = layers.Dropout(dropout)(encode(words(question), places, segment(question, 1)))
    real = ops.max(slots, axis=2, keepdims=True)
    query = ops.repeat(asked, sentences, axis=1)
    states = [query]
    for hop in range(1, hops):
        seen = matched(facts, states)
        passed = carried(seen, real, width, f"hop{hop}")
        states = [query, *(layers.Dropout(dropout)(state) for state in passed)]
    seen = matched(facts, states)
    before, _ = carried(seen, real, width, f"hop{hops}")
    # The state alone cannot count: it is replaced, never added to.
    counted = ops.sum(layers.Dense(width // 2, activation="relu", name="counted")(seen) * real, axis=1)
    last = before[:, -1]
    hidden = layers.Concatenate()([last, asked[:, 0], counted])
    hidden = layers.Dense(width, activation="relu", name="hidden")(layers.Dropout(dropout)(hidden))
    return model(text, question, layers.Concatenate()([last, hidden]), answers)


def inputs() -> tuple[Tensor, Tensor]:
    return keras.Input((None,), dtype="int32", name="text"), keras.Input((None,), dtype="int32", name="question")


def model(text: Tensor, question: Tensor, features: Tensor, answers: int) -> keras.Model:
    answer = layers.Dense(answers, activation="softmax", name="answer")(features)
    return connected_model({"text": text, "question": question}, {"answer": answer}, name="question_answering")


def segment(tokens: Tensor, sentences: int) -> Tensor:
    """(batch, sentences, tokens), 1 where a word stands in a sentence; the text's last sentence is in the last row.

    Padding and periods are in no sentence. A sentence begins at a word with no word before it, so that neither "..."
    nor a missing last period makes a difference.
    """
    word = ops.cast(ops.logical_and(ops.not_equal(tokens, PADDING), ops.not_equal(tokens, PERIOD)), "int32")
    before = ops.pad(word, ((0, 0), (1, 0)))[:, :-1]
    number = ops.cumsum(word * (1 - before), axis=1)
    row = number - ops.max(number, axis=1, keepdims=True) + sentences - 1
    inside = ops.one_hot(ops.maximum(row, -1) * word + word - 1, sentences)
    return ops.transpose(inside, (0, 2, 1))


def encode(words: Tensor, places: layers.Layer, slots: Tensor) -> Tensor:
    """(batch, sentences, width): each sentence as the sum of its words, weighted by position within the sentence."""
    rank = ops.sum((ops.cumsum(slots, axis=2) - 1) * slots, axis=1)
    position = ops.minimum(ops.cast(rank, "int32"), POSITIONS - 1)
    return ops.matmul(slots, words * places(position))


def matched(facts: Tensor, states: list[Tensor]) -> Tensor:
    """Sentences beside what is known at each of them, and where the two agree."""
    return layers.Concatenate()([facts, *states, *(facts * state for state in states)])


def carried(seen: Tensor, real: Tensor, width: int, name: str) -> tuple[Tensor, Tensor]:
    """The state after each sentence, read forwards and read backwards."""
    gate = layers.Dense(1, name=f"{name}_gate")(seen)
    offer = layers.Dense(width, activation="tanh", name=f"{name}_offer")(seen)
    offer = offer * layers.Dense(1, activation="sigmoid", name=f"{name}_reset")(seen) * real
    backwards = [ops.flip(each, axis=1) for each in (gate, offer, real)]
    return carry(gate, offer, real), ops.flip(carry(*backwards), axis=1)


def carry(gate: Tensor, offer: Tensor, real: Tensor) -> Tensor:
    """state[t] = sigmoid(gate[t])·offer[t] + (1 - sigmoid(gate[t]))·state[t - 1], for all t at once.

    What is left of the i-th offer at t is the product of all (1 - sigmoid(gate)) between the two, summed as
    logarithms. They are summed from i on, and not taken as a difference of two totals, which would lose digits.
    Sentences that are not real pass the state on.
    """
    sentences = gate.shape[1]
    kept = ops.repeat(ops.log_sigmoid(-gate) * real, sentences, axis=2)
    taken = ops.transpose(ops.log_sigmoid(gate), (0, 2, 1))
    left = ops.cumsum(ops.tril(kept, -1), axis=1) + taken
    return ops.matmul(ops.tril(ops.exp(left)), offer)
