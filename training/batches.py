"""From values as callers write them to padded batches: encoding, padding, and the order of an epoch.

The encoders are those that serve. The order follows from seed and epoch alone, so a resumed training sees what it
would have seen. Knows no TensorFlow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import TextEncoder, encoder, save_tokenizer
from models.signature import Input, Signature
from training.recipe import Data, Split

Rows = Mapping[str, Sequence[NDArray[Any]]]
Batch = tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]
WINDOW = 50
"""Batches among which rows are sorted by length: similar lengths meet, and the order still differs by epoch."""


def encode(data: Data, split: Split) -> dict[str, list[NDArray[Any]]]:
    """The rows of every input of the split, without padding."""
    return encode_columns(data, split.inputs)


def encode_columns(data: Data, columns: Mapping[str, Sequence[object]]) -> dict[str, list[NDArray[Any]]]:
    rows: dict[str, list[NDArray[Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, tokenizer in data.tokenizers.items():
            save_tokenizer(tokenizer, folder / file)
        for each in data.signature.inputs:
            encode_one = encoder(data.preprocessing[each.name], each.spec, folder)
            values = columns[each.name]
            if isinstance(encode_one, TextEncoder):
                rows[each.name] = [*encode_one.encode_all(values)]  # type: ignore[arg-type]
            else:
                rows[each.name] = [encode_one.encode(value) for value in values]
    return rows


def pad(rows: Sequence[NDArray[Any]], declared: Input, step: int = 1) -> NDArray[Any]:
    """Stacks rows, filled with zeros to the longest, the input's tail and a multiple of `step` on ragged axes."""
    sizes = [max(row.shape[axis] for row in rows) for axis in range(rows[0].ndim)]
    if any(list(row.shape) != sizes for row in rows) and declared.padding.kind == "exact":
        raise ValueError(f"rows of input {declared.name!r} differ in length, and it declares no padding")
    for axis, side in enumerate(declared.spec.shape):
        if side is None and declared.padding.kind == "pad":
            sizes[axis] = -(-(sizes[axis] + declared.padding.tail) // step) * step
    stacked = np.zeros((len(rows), *sizes), declared.spec.dtype)
    for place, row in zip(stacked, rows, strict=True):
        place[tuple(slice(side) for side in row.shape)] = row
    return stacked


class Batches:
    """A split's rows and targets, cut into batches anew for each epoch."""

    def __init__(
        self, signature: Signature, rows: Rows, targets: Mapping[str, Any], *, size: int, seed: int, step: int = 1
    ) -> None:
        self._signature, self._rows, self._step = signature, rows, step
        self._targets = {head.name: as_column(targets[head.name]) for head in signature.heads}
        self._size, self._seed = size, seed
        self._count = len(next(iter(self._targets.values())))
        ragged = [rows[each.name] for each in signature.inputs if each.spec.is_ragged]
        self._lengths = np.sum([[row.size for row in column] for column in ragged], axis=0) if ragged else None

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of that epoch, in an order of its own."""
        for places in self._order(np.random.default_rng([self._seed, number])):
            yield self.batch(places), {name: column[places] for name, column in self._targets.items()}

    def in_order(self) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[Any]]]]:
        """The places of the rows and their inputs, short rows first, each row once: for evaluation."""
        places = np.arange(self._count) if self._lengths is None else np.argsort(self._lengths, kind="stable")
        for start in range(0, self._count, self._size):
            chosen = places[start : start + self._size]
            yield chosen, self.batch(chosen)

    def batch(self, places: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return {
            each.name: pad([self._rows[each.name][place] for place in places], each, self._step)
            for each in self._signature.inputs
        }

    def _order(self, random: np.random.Generator) -> list[NDArray[np.int64]]:
        places = random.permutation(self._count)
        if self._lengths is not None:
            width = WINDOW * self._size
            windows = [places[start : start + width] for start in range(0, self._count, width)]
            places = np.concatenate([w[np.argsort(self._lengths[w], kind="stable")] for w in windows])
        batches = [places[start : start + self._size] for start in range(0, self._count, self._size)]
        return [batches[index] for index in random.permutation(len(batches))]


def as_column(target: NDArray[Any]) -> NDArray[Any]:
    """Numbers of shape (rows,) as (rows, 1), which is what a head of one unit gives."""
    return target[:, None] if target.ndim == 1 else target
