"""Rows to one array per input. Pure: what may be padded is read from the signature; values mean nothing here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import Input, Signature

Array = NDArray[Any]
Row = Mapping[str, Array]


def is_padded(each: Input) -> bool:
    return each.spec.is_ragged and each.padding.kind == "pad"


def batch_key(signature: Signature, row: Row) -> Hashable:
    """Rows of one key may run together: the shapes of the ragged inputs that must not be padded."""
    return tuple(row[each.name].shape for each in signature.inputs if each.spec.is_ragged and not is_padded(each))


def stack(signature: Signature, rows: Sequence[Row], buckets: Sequence[int]) -> tuple[dict[str, Array], float]:
    """The rows as a batch, and how much of the work on it is padding, in rows of the batch's shape.

    The most padded input counts. Its tail does not: a row that runs alone gets it too.
    """
    tensors: dict[str, Array] = {}
    wasted = 0.0
    for each in signature.inputs:
        arrays = [row[each.name] for row in rows]
        if is_padded(each):
            tensors[each.name], waste = pad(each, arrays, buckets)
            wasted = max(wasted, waste)
        else:
            tensors[each.name] = np.stack(arrays)
    return tensors, wasted


def pad(each: Input, arrays: Sequence[Array], buckets: Sequence[int]) -> tuple[Array, float]:
    """Fills each ragged dimension with zeros on the right, to the longest row or its bucket, and the tail."""
    shape: list[int] = []
    tailed: list[int] = []
    for axis, side in enumerate(each.spec.shape):
        length = bucket(max(array.shape[axis] for array in arrays), buckets) if side is None else side
        shape.append(length)
        tailed.append(length + each.padding.tail if side is None else length)
    batch = np.zeros((len(arrays), *tailed), arrays[0].dtype)
    for row, array in zip(batch, arrays, strict=True):
        # Refuses what the declared dtype cannot hold, instead of cutting off a neighbour's decimals.
        np.copyto(row[tuple(map(slice, array.shape))], array, casting="same_kind")
    volume = float(np.prod(shape, dtype=float))
    return batch, len(arrays) - sum(array.size for array in arrays) / volume if volume else 0.0


def bucket(length: int, buckets: Sequence[int]) -> int:
    """The smallest bucket that holds the length; beyond the last one the length itself."""
    place = bisect_left(buckets, length)
    return buckets[place] if place < len(buckets) else length
