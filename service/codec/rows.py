"""Checked values to rows of tensors, photos last and one at a time. Knows no JSON and no schema."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.photo import ImageEncoder
from models.preprocessing import Encoder, InvalidValue
from models.signature import Signature
from service.codec.inputs import Expectation
from service.codec.missing import FilledIn
from service.codec.problems import MOST, in_short
from service.errors import DeadlineExceeded, InvalidInput, Problem

Tensor = NDArray[Any]
Row = dict[str, Tensor]
Given = dict[str, Any]
"""Values of a row by the input's name; None where a caller wrote null for what may be left out."""
Photo = tuple[int | None, str, Any]
"""Of this row, or of all rows; the input's name; the value."""
AT_ONCE = 4
"""Photos of a request that are decoded with its other values if they are small: changing threads takes longer."""
Made = tuple[list[Row], Sequence[FilledIn]]


class RowMaker:
    """Makes the rows of one signature."""

    def __init__(
        self,
        signature: Signature,
        encoders: Mapping[str, Encoder],
        photos: Mapping[str, ImageEncoder],
        stand_ins: Mapping[str, Tensor],
        expected: Mapping[str, Expectation],
    ) -> None:
        """`photos` are the encoders that may take long; `stand_ins` has a row of each that may be left out."""
        self._names = signature.input_names
        self._policies = {each.name: each.missing.policy for each in signature.inputs}
        self._encoders = encoders
        self._photos = photos
        self._stand_ins = stand_ins
        self._expected = expected

    def make(
        self, given: list[Given], shared: Given, many: bool, is_abandoned: Callable[[], bool]
    ) -> Generator[int, None, Made]:
        """Yields before each photo how many there are to do. Takes `given` and `shared` apart.

        A shared value is encoded once, and its array serves every row. Raises InvalidInput, and DeadlineExceeded once
        `is_abandoned`, which is asked before each row.
        """
        lacking = self._lacking(given, shared) if many or self._stand_ins else {}
        problems: list[Problem] = []
        photos: list[Photo] = []
        common = self._encode(shared, None, problems, photos)
        rows = [common | each for each in self._encode_each(given, many, problems, photos, is_abandoned)]
        given.clear()  # photos go as they are done
        shared.clear()
        photos.reverse()
        if len(photos) <= AT_ONCE:
            photos = [each for each in photos if not self._develop(each, rows, problems, only_small=True)]
        while photos and len(problems) < MOST:
            yield len(photos)
            self._develop(photos.pop(), rows, problems)
        if problems:
            raise InvalidInput(*sorted(problems, key=self._place)[:MOST])
        return rows, self._fill(rows, lacking, many) if lacking else ()

    def _lacking(self, given: Sequence[Given], shared: Given) -> dict[str, list[int]]:
        """By input the rows that leave out what they may; null is taken away. Raises InvalidInput for the others."""
        for name in self._stand_ins:
            if name in shared and shared[name] is None:
                del shared[name]
        lacking: dict[str, list[int]] = {name: [] for name in self._stand_ins}
        problems = []
        for row, own in enumerate(given):
            for name in self._names:
                if name in own and name in shared:
                    came = "both" if own[name] is not None else 'null in the instance, a value in "shared"'
                    problems.append(Problem('a value in the instance or in "shared"', came, input=name, row=row))
                elif own.get(name) is None and name not in shared:
                    own.pop(name, None)
                    if name in lacking:
                        lacking[name].append(row)
                    else:
                        problems.append(Problem(self._expected[name].words, "nothing", input=name, row=row))
        if problems:
            raise InvalidInput(*in_short(problems))
        return {name: rows for name, rows in lacking.items() if rows}

    def _encode_each(
        self,
        given: Sequence[Given],
        many: bool,
        problems: list[Problem],
        photos: list[Photo],
        is_abandoned: Callable[[], bool],
    ) -> Iterator[Row]:
        for index, own in enumerate(given):
            if is_abandoned():
                raise DeadlineExceeded("nobody waits for it any more")
            yield self._encode(own, index if many else None, problems, photos)
            if len(problems) >= MOST:
                return

    def _encode(self, given: Given, row: int | None, problems: list[Problem], photos: list[Photo]) -> Row:
        """The values as tensors; what does not become one goes to `problems`, what takes long to `photos`."""
        encoded: Row = {}
        for name, value in given.items():
            if name in self._photos:
                photos.append((row, name, compact(value) if isinstance(value, list) else value))
                continue
            try:
                encoded[name] = self._encoders[name].encode(value)
            except InvalidValue as error:
                problems.append(Problem(error.expected, error.got, input=name, row=row))
        return encoded

    def _develop(self, photo: Photo, rows: Sequence[Row], problems: list[Problem], *, only_small: bool = False) -> bool:
        """False if it is still to do, for it is not small."""
        row, name, value = photo
        encoder = self._photos[name]
        try:
            tensor = encoder.encode_small(value) if only_small else encoder.encode(value)
        except InvalidValue as error:
            problems.append(Problem(error.expected, error.got, input=name, row=row))
            return True
        if tensor is None:
            return False
        for each in rows if row is None else rows[row : row + 1]:
            each[name] = tensor
        return True

    def _place(self, problem: Problem) -> tuple[int, int]:
        return -1 if problem.row is None else problem.row, self._names.index(problem.input or self._names[0])

    def _fill(self, rows: Sequence[Row], lacking: Mapping[str, list[int]], many: bool) -> Sequence[FilledIn]:
        for name, places in lacking.items():
            for place in places:
                rows[place][name] = self._stand_ins[name]
        return [FilledIn(name, self._policies[name], places if many else None) for name, places in lacking.items()]


def compact(pixels: list[Any]) -> object:
    """Numbers from 0 to 255 in a byte each instead of forty, since a request waits with all its photos.

    Lists of uneven length stay as they are: their encoder has the words for that.
    """
    try:
        return np.rint(np.asarray(pixels, np.float64)).astype(np.uint8)
    except ValueError:
        return pixels
