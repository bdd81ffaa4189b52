"""Reads pretrained word vectors: `.npz` files with `words` and `vectors`, and text files as GloVe has them.

Gives the rows of an embedding for a vocabulary. Knows no tokenizer and no model.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_FREQUENT = 100_000
"""So many words from the top of a file are taken, whatever they are: such files begin with the most frequent."""


@dataclass(frozen=True)
class WordVectors:
    """Words, each once, and a row of float32 for each."""

    words: tuple[str, ...]
    vectors: NDArray[np.float32]

    @property
    def width(self) -> int:
        return int(self.vectors.shape[1])


def read(path: Path, wanted: Collection[str] = (), most: int = MOST_FREQUENT) -> WordVectors:
    """The file's first `most` words, and any other that is wanted. Raises OSError, and ValueError for other files."""
    found = read_npz(path, wanted, most) if zipfile.is_zipfile(path) else read_text(path, wanted, most)
    if not found:
        raise ValueError(f"{path}: no word vectors in it")
    vectors = np.stack(list(found.values()))
    if not np.isfinite(vectors).all():
        word = list(found)[int(np.argmin(np.isfinite(vectors).all(axis=1)))]
        raise ValueError(f"{path}: the vector of {word!r} is not of finite numbers")
    return WordVectors(tuple(found), vectors)


def read_npz(path: Path, wanted: Collection[str], most: int) -> dict[str, NDArray[np.float32]]:
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"words", "vectors"} - set(arrays)
        if missing:
            raise ValueError(f"{path}: expected the arrays words and vectors, found {', '.join(arrays) or 'none'}")
        words, vectors = arrays["words"], arrays["vectors"]
    if words.ndim != 1 or vectors.ndim != 2 or len(words) != len(vectors):
        raise ValueError(f"{path}: expected a row for each word, got shapes {words.shape}, {vectors.shape}")
    found: dict[str, NDArray[np.float32]] = {}
    for place, word in enumerate(words.tolist()):
        if place < most or word in wanted:
            found.setdefault(str(word), vectors[place].astype(np.float32))
    return found


def read_text(path: Path, wanted: Collection[str], most: int) -> dict[str, NDArray[np.float32]]:
    """`word number number …` on each line. A first line of two whole numbers, as word2vec writes it, is passed over."""
    found: dict[str, NDArray[np.float32]] = {}
    width = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            parts = line.rstrip().split(" ")
            if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
                continue
            width = width or len(parts) - 1
            word = " ".join(parts[: len(parts) - width])  # some words of large files hold blanks
            if not word or width < 2:
                raise ValueError(f"{path}:{number}: expected a word and {max(width, 2)} numbers, got {line[:40]!r}")
            if word not in found and (len(found) < most or word in wanted):
                found[word] = numbers(parts[-width:], f"{path}:{number}")
    return found


def numbers(parts: list[str], place: str) -> NDArray[np.float32]:
    try:
        return np.array(parts, np.float32)
    except ValueError:
        raise ValueError(f"{place}: expected {len(parts)} numbers behind the word") from None


def matrix(known: WordVectors, vocabulary: Mapping[str, int]) -> NDArray[np.float32]:
    """A row of unit length for each id of the vocabulary (`{word: id}`), zeros for a word without a vector."""
    rows: NDArray[Any] = np.zeros((max(vocabulary.values()) + 1, known.width), np.float32)
    for word, vector in zip(known.words, known.vectors, strict=True):
        if word in vocabulary:
            length = float(np.linalg.norm(vector))
            rows[vocabulary[word]] = vector / length if length else vector
    return rows
