"""Inputs and targets by list and by name: the same training, as long as the list is in order (7.1.2 and 7.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from training.experiments.figures import Figures
from training.frameworks import make_reproducible

EXAMPLES = {"smoke": 32, "quick": 256}
WORDS, TOKENS, ANSWERS = 50, 12, 5
LOSSES = {"age": "mse", "gender": "binary_crossentropy"}
Columns = dict[str, Any]


def run(preset: str, seed: int) -> Figures:
    random = np.random.default_rng([seed])
    tokens = random.integers(1, WORDS, (2, EXAMPLES[preset], TOKENS)).astype(np.int32)
    posts = random.normal(size=(EXAMPLES[preset], TOKENS)).astype(np.float32)
    asked = {"text": tokens[0], "question": tokens[1]}
    traits = {"age": posts[:, :1], "gender": (posts[:, 1:2] > 0).astype(np.float32)}
    answers = np.eye(ANSWERS, dtype=np.float32)[tokens[0, :, 0] % ANSWERS]
    rows: list[tuple[str | int | float, ...]] = [
        *compared("inputs", seed, two_inputs, lambda way: (ordered(asked, way), answers)),
        ("inputs by name, to inputs without names", unknown_names(seed, asked, answers), ""),
        *compared("targets", seed, two_heads, lambda way: (posts, ordered(traits, way))),
    ]
    return Figures(
        "Feeding several inputs and heads",
        ("what is fed", "loss in the second epoch", "largest difference of a weight from feeding by name"),
        rows,
        "A list in the wrong order trains without a word where the shapes agree.",
    )


def compared(
    what: str, seed: int, build: Callable[[str], Any], columns: Callable[[str], tuple[Any, Any]]
) -> list[tuple[str | int | float, ...]]:
    """Trains from the same start in each way, and compares the weights with those after feeding by name."""
    rows: list[tuple[str | int | float, ...]] = []
    reference: Any = None
    for way in ("by name", "by list", "by list in the wrong order"):
        make_reproducible(seed)
        model = build(way)
        history = model.fit(*columns(way), epochs=2, batch_size=16, shuffle=False, verbose=0).history
        weights = np.concatenate([each.ravel() for each in model.get_weights()])
        reference = weights if reference is None else reference
        rows.append((f"{what} {way}", history["loss"][-1], float(np.abs(weights - reference).max())))
    return rows


def unknown_names(seed: int, asked: Columns, answers: Any) -> str:
    """What Keras says where the inputs were not named: they got names of their own."""
    make_reproducible(seed)
    try:
        two_inputs("without names").fit(asked, answers, epochs=1, verbose=0)
    except ValueError as error:
        return f"refused: {str(error).split('.')[0]}"
    return "accepted"


def ordered(columns: Columns, way: str) -> Any:
    if way == "by name":
        return columns
    return [*columns.values()] if way == "by list" else [*reversed(columns.values())]


def two_inputs(way: str) -> Any:
    """The chapter's question answering, smaller: an embedding and an LSTM for each input, joined."""
    import keras
    from keras import layers

    names = (None, None) if way == "without names" else ("text", "question")
    text, question = (keras.Input((None,), dtype="int32", name=name) for name in names)
    read = [layers.LSTM(8)(layers.Embedding(WORDS, 8)(each)) for each in (text, question)]
    answer = layers.Dense(ANSWERS, activation="softmax", name="answer")(layers.concatenate(read))
    model = keras.Model({"text": text, "question": question} if way == "by name" else [text, question], answer)
    model.compile("rmsprop", "categorical_crossentropy")
    return model


def two_heads(way: str) -> Any:
    import keras
    from keras import layers

    posts = keras.Input((TOKENS,), name="posts")
    x = layers.Dense(16, activation="relu")(posts)
    heads = {"age": layers.Dense(1, name="age")(x), "gender": layers.Dense(1, "sigmoid", name="gender")(x)}
    by_name = way == "by name"
    model = keras.Model(posts, heads if by_name else [*heads.values()])
    model.compile("rmsprop", LOSSES if by_name else [*LOSSES.values()])
    return model
