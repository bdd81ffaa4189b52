"""What the experiments with two sentences share: invented pairs as vectors, graphs that compare them, and figures.

A word's vector is drawn at random and stays as it is: the chapter's graph takes vectors, whatever they come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets import paraphrases
from training.datasets.sentence_pairs import Pair

WIDTH = 128
LSTM_WIDTH = 32
BATCH = 64
AT_ONCE = 500
TOKENS = 24
"""Longer than any invented sentence. Shorter ones have zeros in front, so that the LSTM ends on a word."""
HELD_OUT_SEED = 1_000_003
WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Ids:
    """Pairs by column: token ids of shape (pairs, TOKENS), and the truth of shape (pairs, 1)."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    similarity: NDArray[np.float32]

    @property
    def inputs(self) -> dict[str, NDArray[np.int32]]:
        return {"left": self.left, "right": self.right}

    @property
    def swapped(self) -> dict[str, NDArray[np.int32]]:
        return {"left": self.right, "right": self.left}

    def first(self, count: int) -> Ids:
        return Ids(self.left[:count], self.right[:count], self.similarity[:count])


def examples(train: int, held_out: int, seed: int) -> tuple[Ids, Ids, int]:
    """Both parts in ids, and how many ids there are."""
    trained_on = paraphrases.generate(train, seed)
    held = paraphrases.generate(held_out, HELD_OUT_SEED + seed, apart_from=trained_on)
    words = sorted({word for each in trained_on for word in split(each.left) + split(each.right)})
    numbers = {word: number for number, word in enumerate(words, 2)}
    return in_ids(trained_on, numbers), in_ids(held, numbers), len(words) + 2


def split(sentence: str) -> list[str]:
    return WORD.findall(sentence.lower())


def in_ids(pairs: Sequence[Pair], numbers: Mapping[str, int]) -> Ids:
    def row(sentence: str) -> list[int]:
        found = [numbers.get(word, 1) for word in split(sentence)]
        return [0] * (TOKENS - len(found)) + found

    return Ids(
        np.array([row(each.left) for each in pairs], np.int32),
        np.array([row(each.right) for each in pairs], np.int32),
        np.array([[each.similarity] for each in pairs], np.float32),
    )


def comparing(shared: bool) -> Any:
    """Vectors of both sides through one LSTM, or through one each; |l−r| and l·r of the last states decide."""
    import keras
    from keras import layers, ops

    left, right = (keras.Input((None, WIDTH), name=name) for name in ("left", "right"))
    lstm = layers.LSTM(LSTM_WIDTH)
    one, other = lstm(left), (lstm if shared else layers.LSTM(LSTM_WIDTH))(right)
    merged = layers.concatenate([ops.abs(one - other), one * other])
    return keras.Model([left, right], {"similarity": layers.Dense(1, activation="sigmoid")(merged)})


def on_ids(model: Any, ids: int, seed: int) -> Any:
    """The model as a layer behind vectors that do not learn: inputs `left` and `right` of token ids."""
    import keras
    from keras import layers

    left, right = (keras.Input((None,), dtype="int32", name=name) for name in ("left", "right"))
    spread = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
    vectors = layers.Embedding(ids, WIDTH, embeddings_initializer=spread, trainable=False)
    return keras.Model([left, right], model({"left": vectors(left), "right": vectors(right)}))


def trained(model: Any, data: Ids, epochs: int, seed: int) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    model.compile(keras.optimizers.Adam(0.003, clipnorm=1.0), {"similarity": "mse"})
    model.fit(data.inputs, {"similarity": data.similarity}, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def answers(model: Any, inputs: Mapping[str, NDArray[np.int32]]) -> NDArray[np.float64]:
    starts = range(0, len(inputs["left"]), AT_ONCE)
    batches = ({name: column[start : start + AT_ONCE] for name, column in inputs.items()} for start in starts)
    parts = [np.asarray(model(batch, training=False)["similarity"], np.float64)[:, 0] for batch in batches]
    return np.concatenate(parts)


def quality(model: Any, data: Ids) -> tuple[float, float]:
    """Mean absolute error and correlation with the truth."""
    said, truth = answers(model, data.inputs), data.similarity[:, 0].astype(np.float64)
    varies = said.std() > 0
    return float(np.abs(said - truth).mean()), float(np.corrcoef(said, truth)[0, 1]) if varies else 0.0
