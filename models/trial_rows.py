"""Rows to try a model with, made up from a seed: of any length, and of values the graph takes.

Knows a model only as something that runs or raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Image, Numbers, Preprocessing, Text
from models.signature import Input, Signature
from models.tensors import OBJECT, blank, numpy_dtype

Array = NDArray[Any]
Row = Mapping[str, Array]
Range = tuple[float, float]
"""The least value, and the largest; of whole numbers the one after it."""
Draw = np.random.Generator

LONGEST = 512
"""No graph is looked for that needs longer rows."""
CEILINGS = (10_000, 1_000, 100, 10, 2)
"""Tried in turn for whole numbers: an embedding raises beyond its vocabulary."""
WORDS = (b"a", b"the", b"of", b"good", b"bad", b"cat", b"Cats", b"house", b"0", b"17", b"red", b"\xff\x00")
KINDS = 8
"""Kinds of values; they repeat after so many."""


def range_of(preprocessing: Preprocessing) -> Range | None:
    """The values that the input's tensor can have, None where the manifest does not say."""
    if isinstance(preprocessing, Text):
        return 0, preprocessing.vocabulary_size
    if isinstance(preprocessing, Image):
        return preprocessing.offset, 255 * preprocessing.scale + preprocessing.offset
    if not isinstance(preprocessing, Numbers) or preprocessing.minimum is None or preprocessing.maximum is None:
        return None
    least, most = sorted((preprocessing.minimum * preprocessing.scale, preprocessing.maximum * preprocessing.scale))
    return least, most


def shape_of(each: Input, length: int) -> tuple[int, ...]:
    return tuple(length if side is None else side for side in each.spec.shape)


def made_up(each: Input, shape: tuple[int, ...], limits: Range | None, is_whole: bool, kind: int, draw: Draw) -> Array:
    """One row of values of that kind: spread, near an end, all alike, with holes of zeros …"""
    dtype = numpy_dtype(each.spec.dtype)
    if dtype == OBJECT:
        return strings(shape, kind, draw)
    if dtype.kind == "b":
        return np.asarray(draw.random(shape) < (0.5, 0.1, 0.9, 0.0)[kind % 4])
    if limits is None:
        return np.asarray(normal(shape, kind, draw), dtype)
    make = whole if is_whole else between
    return np.asarray(make(shape, *limits, kind, draw), dtype)


def strings(shape: tuple[int, ...], kind: int, draw: Draw) -> Array:
    """Words, one word throughout, words with holes, nothing, or several words each."""
    most = 4 if kind % KINDS in (1, 5, 7) else 1
    row = blank(shape, OBJECT)
    for place in np.ndindex(shape):
        row[place] = b" ".join(WORDS[each] for each in draw.integers(0, len(WORDS), draw.integers(1, most + 1)))
    match kind % KINDS:
        case 2 | 6:
            row[...] = WORDS[draw.integers(0, len(WORDS))]
        case 3:
            row[draw.random(shape) < 0.5] = b""
        case 4:
            row[...] = b""
    return row


def whole(shape: tuple[int, ...], least: float, after: float, kind: int, draw: Draw) -> Array:
    low, high = int(least), int(after)
    spread = draw.integers(low, high, shape)
    match kind % KINDS:
        case 1 | 5:  # many of the small ones, as words are numbered
            return low + (float(high - low) ** draw.random(shape)).astype(np.int64) - 1
        case 2:
            return np.full(shape, draw.integers(low, high))
        case 3:
            return np.where(draw.random(shape) < 0.5, spread, max(low, 0))
        case 4:
            return np.full(shape, max(low, 0))
        case 6:
            return np.full(shape, high - 1)
    return spread


def normal(shape: tuple[int, ...], kind: int, draw: Draw) -> Array:
    values = draw.standard_normal(shape)
    match kind % KINDS:
        case 1:
            return -np.abs(values)
        case 2:
            return np.abs(values)
        case 3:
            return values * 1e-3
        case 4:
            return values * 30
        case 5:
            return np.full(shape, draw.standard_normal())
        case 6:
            return -np.abs(values) * 30
        case 7:
            return np.where(draw.random(shape) < 0.5, values, 0)
    return values


def between(shape: tuple[int, ...], least: float, most: float, kind: int, draw: Draw) -> Array:
    values = draw.random(shape)
    match kind % KINDS:
        case 1 | 5:
            values = values**8
        case 2 | 6:
            values = 1 - values**8
        case 3:
            values = np.full(shape, draw.random())
        case 4:
            values = np.round(values)
    return least + (most - least) * values


class Maker:
    """Makes rows for one signature. What the manifest leaves open about values and lengths is found by running."""

    def __init__(self, signature: Signature, runs: Callable[[Row], bool], ranges: Mapping[str, Range | None]) -> None:
        self._signature = signature
        self._runs = runs
        self._draw = np.random.default_rng(0)
        self._ranges = {each.name: ranges.get(each.name) for each in signature.inputs}
        self._whole = {each.name for each in signature.inputs if numpy_dtype(each.spec.dtype).kind in "iu"}
        found = self._shortest()
        self.can_make = found is not None
        """Whether any row up to LONGEST runs."""
        self.shortest: Mapping[str, int] = found or {}
        """By ragged input the shortest row that runs."""
        for each in signature.inputs if self.can_make else ():
            self._look_for_range(each)

    def row(self, lengths: Mapping[str, int], kind: int) -> Row:
        """Every ragged input of its length. The inputs' kinds differ, so that they do not move as one."""
        shapes = {each.name: shape_of(each, lengths.get(each.name, 1)) for each in self._signature.inputs}
        return self._row(shapes, kind)

    def like(self, row: Row, kind: int) -> Row:
        """Another row of the same shapes."""
        return self._row({name: tensor.shape for name, tensor in row.items()}, kind)

    def _row(self, shapes: Mapping[str, tuple[int, ...]], kind: int) -> Row:
        inputs = self._signature.inputs
        return {each.name: self.tensor(each, shapes[each.name], kind + 3 * place) for place, each in enumerate(inputs)}

    def tensor(self, each: Input, shape: tuple[int, ...], kind: int) -> Array:
        return made_up(each, shape, self._ranges[each.name], each.name in self._whole, kind, self._draw)

    def sweep(self, each: Input, length: int, count: int, turn: int) -> list[Array]:
        """Rows that are one id throughout, evenly spread over all ids, others each turn; of other numbers any."""
        limits, shape = self._ranges[each.name], shape_of(each, length)
        if limits is None or each.name not in self._whole:
            return [self.tensor(each, shape, kind) for kind in range(count)]
        ids = range(int(limits[0]), int(limits[1]))
        chosen = [ids[(place * len(ids) // count + turn) % len(ids)] for place in range(min(count, len(ids)))]
        return [np.full(shape, value, np.dtype(each.spec.dtype)) for value in chosen]

    def _shortest(self) -> dict[str, int] | None:
        """First all inputs at one length, for some graphs want that; then each as short as the others let it be."""
        ragged = [each.name for each in self._signature.inputs if each.spec.is_ragged]
        common = least(lambda length: self._takes(dict.fromkeys(ragged, length)))
        if common is None:
            return None
        lengths = dict.fromkeys(ragged, common)
        for name in ragged if common > 1 and len(ragged) > 1 else ():
            lengths[name] = least(partial(self._takes_one, lengths, name)) or common
        return lengths

    def _takes_one(self, lengths: Mapping[str, int], name: str, length: int) -> bool:
        return self._takes({**lengths, name: length})

    def _takes(self, lengths: Mapping[str, int], filled: str = "", value: float = 0) -> bool:
        """Of the values that graphs hardly ever refuse, and one input full of `value`."""
        row = {}
        for each in self._signature.inputs:
            least_value = (self._ranges[each.name] or (0, 0))[0]
            shape = shape_of(each, lengths.get(each.name, 1))
            row[each.name] = blank(shape, numpy_dtype(each.spec.dtype))
            if row[each.name].dtype != OBJECT:
                row[each.name][...] = value if each.name == filled else least_value
        return self._runs(row)

    def _look_for_range(self, each: Input) -> None:
        """Of whole numbers; of others, too, where numbers below zero are refused: they are ids written as floats."""
        dtype = numpy_dtype(each.spec.dtype)
        if self._ranges[each.name] is not None or dtype.kind in "bO":
            return
        is_signed = dtype.kind != "u" and self._takes(self.shortest, each.name, -1)
        if is_signed and each.name not in self._whole:
            return
        self._whole.add(each.name)
        after = np.iinfo(dtype).max + 1 if dtype.kind in "iu" else max(CEILINGS)
        tops = (min(top, after) for top in CEILINGS)
        ceiling = next((top for top in tops if self._takes(self.shortest, each.name, top - 1)), 1)
        self._ranges[each.name] = (-ceiling if is_signed else 0, ceiling)


def least(runs: Callable[[int], bool]) -> int | None:
    """The smallest length that runs, of those up to LONGEST, given that longer ones then run too."""
    fails, length = 0, 1
    while not runs(length):
        fails, length = length, length * 2
        if fails == LONGEST:
            return None
    while length - fails > 1:
        middle = (fails + length) // 2
        fails, length = (fails, middle) if runs(middle) else (middle, length)
    return length
