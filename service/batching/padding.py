"""Rows to one array per input. Pure: what may be padded is read from the signature; values mean nothing here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import Input, Signature
from models.tensors import blank

Array = NDArray[Any]
Row = Mapping[str, Array]
Lengths = tuple[int, ...]
"""The sides of a row that may be padded, input by input, each rounded up to its bucket."""


def is_padded(each: Input) -> bool:
    return each.spec.is_ragged and each.padding.kind == "pad"


class Geometry:
    """How large the rows of one signature are, and which of them may run together.

    `buckets` are lengths, ascending, that batches are padded to. Without them a batch is padded to its longest row;
    rows are then told apart by lengths a factor of about 1.4 apart: 1, 2, 3, 4, 6, 8, 12, 16, 24 …
    """

    def __init__(self, signature: Signature, buckets: Sequence[int] = ()) -> None:
        self._buckets = buckets
        self.is_mixing = any(each.padding.kind == "alone" for each in signature.inputs)
        """Whether rows change one another's answers, so that each has to run alone."""
        self._exact = [each.name for each in signature.inputs if each.spec.is_ragged and not is_padded(each)]
        self._padded = [
            (each.name, [axis for axis, side in enumerate(each.spec.shape) if side is None])
            for each in signature.inputs
            if is_padded(each)
        ]
        self._inputs = signature.inputs

    def key(self, row: Row) -> Hashable:
        """Rows of one key may run together: they are equal in the shapes that must not be padded."""
        return tuple(row[name].shape for name in self._exact)

    def lengths(self, row: Row) -> Lengths:
        return tuple(self._rounded(row[name].shape[axis]) for name, axes in self._padded for axis in axes)

    def _rounded(self, length: int) -> int:
        return bucket(length, self._buckets) if self._buckets else step(length)

    def elements(self, row: Row, lengths: Lengths) -> int:
        """Numbers in the tensors of a row like this one once it is padded to these lengths and its tail."""
        sides = iter(lengths)
        total = 0
        for each in self._inputs:
            padded = is_padded(each)
            shape = zip(each.spec.shape, row[each.name].shape, strict=True)
            total += product(
                (next(sides) if padded else own) + each.padding.tail if side is None else own for side, own in shape
            )
        return max(1, total)


def product(sides: Any) -> int:
    total = 1
    for side in sides:
        total *= side
    return total


def step(length: int) -> int:
    """The smallest of 1, 2, 3, 4, 6, 8, 12, 16, 24 … that holds the length."""
    whole = 1 << max(0, length - 1).bit_length()
    return whole * 3 // 4 if whole >= 4 and length <= whole * 3 // 4 else whole


def stack(signature: Signature, rows: Sequence[Row], buckets: Sequence[int]) -> tuple[dict[str, Array], float]:
    """The rows as a batch, and how much of the work on it is padding, in rows of the batch's shape.

    The most padded input counts. Its tail does not: a row that runs alone gets it too.
    """
    tensors: dict[str, Array] = {}
    wasted = 0.0
    for each in signature.inputs:
        arrays = [row[each.name] for row in rows]
        if is_padded(each) or each.padding.tail:
            tensors[each.name], waste = pad(each, arrays, buckets if is_padded(each) else ())
            wasted = max(wasted, waste)
        else:
            tensors[each.name] = np.stack(arrays)
    return tensors, wasted


def pad(each: Input, arrays: Sequence[Array], buckets: Sequence[int]) -> tuple[Array, float]:
    """Fills each ragged dimension on the right with zeros, or empty strings, to the longest row or its bucket.

    Then comes the tail. Rows of one length that must not be padded to another's get it all the same, if they have one.
    """
    shape: list[int] = []
    tailed: list[int] = []
    for axis, side in enumerate(each.spec.shape):
        length = bucket(max(array.shape[axis] for array in arrays), buckets) if side is None else side
        shape.append(length)
        tailed.append(length + each.padding.tail if side is None else length)
    batch = blank((len(arrays), *tailed), arrays[0].dtype)
    for row, array in zip(batch, arrays, strict=True):
        # Refuses what the declared dtype cannot hold, instead of cutting off a neighbour's decimals.
        np.copyto(row[tuple(map(slice, array.shape))], array, casting="same_kind")
    volume = float(np.prod(shape, dtype=float))
    return batch, len(arrays) - sum(array.size for array in arrays) / volume if volume else 0.0


def bucket(length: int, buckets: Sequence[int]) -> int:
    """The smallest bucket that holds the length; beyond the last one the length itself."""
    place = bisect_left(buckets, length)
    return buckets[place] if place < len(buckets) else length
