"""Trials of padding: one input's rows with zeros behind them, then several inputs at once.

Which trials there are, and in which order; not what follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from models.evidence import PaddingSeen
from models.signature import Input
from models.trial_answers import Differences, Known, Model, Responses
from models.trial_rows import KINDS, Maker, Row, shape_of

GROUPS = ((0, KINDS), (1, KINDS), (5, KINDS), (16, KINDS // 2))
"""Lengths beyond the shortest, and how many rows of each are tried."""
ZEROS = (1, 2, 3, 7, 64)
FAR = 512
"""A graph that looks at the last few hundred steps alone sees nothing but zeros."""
COMPANY = 3
"""Rows of each group that share a batch with those of the others."""
SWEEP = 64
"""Rows of one step, of as many ids, …"""
STEPS = 4096
"""… or fewer, where each has a long tail."""
MORE = 12
"""Groups more, while there is time."""
LONGEST_OF_MORE = 48


@dataclass
class Bench:
    """What a trial works with: the model, real rows with the shortest first, and rows made up."""

    model: Model
    rows: Sequence[Row]
    maker: Maker
    is_late: Callable[[], bool]
    responses: Responses = field(default_factory=Responses)
    """Of all rows tried."""

    def base(self, beyond: int, kind: int) -> Row:
        """A row that is so much longer than the shortest in every input."""
        return self.maker.row({name: least + beyond for name, least in self.maker.shortest.items()}, kind)


class OneInput:
    """The trial of one input. The others are as they are in one row, or have other values of the same shapes."""

    def __init__(self, bench: Bench, each: Input) -> None:
        self._bench, self._each = bench, each
        self._base = bench.rows[0] if bench.rows else bench.base(4, 0)
        self._differences, self._responses = Differences(), Responses()
        self._zeros: set[int] = set()
        self._lengths: set[int] = set()
        self._turn = 0

    def run(self) -> PaddingSeen:
        """Every trial that is needed, and more while there is time, until a difference is certain."""
        for is_needed in self._steps():
            if self._differences.is_certain or (not is_needed and self._bench.is_late()):
                break
        seen = self._differences.seen(self._responses.limit)
        reason = seen.reason or self._unproven()
        lengths = self._lengths or {0}
        zeros = tuple(sorted(self._zeros))
        return PaddingSeen(seen.rows, seen.head, seen.difference, reason, min(lengths), max(lengths), zeros)

    def _unproven(self) -> str:
        if not self._differences.rows:
            return "no row that was made up could be run"
        if not any(self._responses.has(head) for head in self._responses.largest):
            return "no head answers to it"
        return ""

    def _steps(self) -> Iterator[bool]:
        """Yields after each trial that is needed, and before each one that is not."""
        least = self._bench.maker.shortest[self._each.name]
        groups: list[list[Known]] = []
        for number, (beyond, count) in enumerate(GROUPS):
            length = least + beyond
            groups.append(self._group(length, count, number))
            for zeros in zeros_behind(length, number):
                self._compare(groups[-1], zeros)
                yield True
        if self._bench.model.runs(self._with(self._base, least + FAR, 0)):
            self._compare(groups[0][:2], FAR)
            yield True
        yield from self._mixed([known for group in groups for known in group[:COMPANY]])
        for row in self._bench.rows[:: max(1, len(self._bench.rows) - 1)]:  # the shortest, and the longest
            yield from self._real(row)
        self._compare(self._sweep(0), 1)
        yield True
        for number in range(1, MORE):
            yield False
            self._compare(self._sweep(number), 1)
            yield False
            length = least + (number * 19) % LONGEST_OF_MORE
            groups.append(self._group(length, KINDS, len(GROUPS) + number))
            self._compare(groups[-1], ZEROS[number % len(ZEROS)])
            yield True
            yield from self._mixed([known for group in groups for known in group[number % 3 :: 3]])

    def _group(self, length: int, count: int, number: int) -> list[Known]:
        """Rows of one length that differ in this input alone, with their answers."""
        base = self._bench.maker.like(self._base, number) if number % 2 else self._base
        rows = [self._with(base, length, number * KINDS + kind) for kind in range(count)]
        known = self._bench.model.at_once(rows)
        self._note(known, length)
        return known

    def _sweep(self, number: int) -> list[Known]:
        """Many of the shortest rows there are: a zero that only a few of them do not outdo shows nowhere else."""
        least = self._bench.maker.shortest[self._each.name]
        count = max(KINDS, min(SWEEP, STEPS // (least + self._each.padding.tail)))
        made = self._bench.maker.sweep(self._each, least, count, number)
        known = self._bench.model.at_once([{**self._base, self._each.name: each} for each in made])
        self._note(known, least)
        return known

    def _with(self, base: Row, length: int, kind: int) -> Row:
        return {**base, self._each.name: self._bench.maker.tensor(self._each, shape_of(self._each, length), kind)}

    def _note(self, known: Sequence[Known], length: int) -> None:
        self._responses.add(known)
        self._bench.responses.add(known)
        self._differences.rows += len(known)
        if known:
            self._lengths.add(length)

    def _compare(self, known: Sequence[Known], zeros: int) -> None:
        if known:
            self._zeros.add(zeros)
            self._turn += 1
            behind = {self._each.name: spread(self._each, zeros, self._turn)}
            self._differences.compare(self._bench.model, known, behind)

    def _mixed(self, known: Sequence[Known]) -> Iterator[bool]:
        """Rows of different length in one batch, each once among the first, in the middle and among the last."""
        for order in orders(known):
            self._differences.compare(self._bench.model, order)
            yield True

    def _real(self, row: Row) -> Iterator[bool]:
        """By itself, and beside rows that are longer and shorter."""
        shape = row[self._each.name].shape
        length = max(size for size, side in zip(shape, self._each.spec.shape, strict=True) if side is None)
        known = self._bench.model.alone([row, self._with(row, length + 7, 0), self._with(row, max(1, length // 2), 1)])
        self._note(known, length)
        for zeros in (1, 64):
            self._compare(known[:1], zeros)
            yield True
        yield from self._mixed(known)


class Together:
    """The trial of several inputs at once, each with zeros of another number behind it."""

    def __init__(self, bench: Bench, inputs: Sequence[Input]) -> None:
        self._bench, self._inputs = bench, inputs
        self._base = bench.rows[0] if bench.rows else bench.base(4, 0)
        self._differences, self._responses = Differences(), Responses()

    def run(self) -> str:
        """Why they may not be padded together, empty where they may."""
        for _ in self._steps():
            if self._differences.is_certain:
                break
        return self._differences.seen(self._responses.limit).reason

    def _steps(self) -> Iterator[None]:
        groups = []
        for number in range(3):
            rows = [self._row(number, kind) for kind in range(3)]
            groups.append(self._bench.model.at_once(rows))
            self._responses.add(groups[-1])
            for turn in range(2):
                self._differences.compare(self._bench.model, groups[-1], self._zeros(number + turn))
                yield
        for order in orders([known for group in groups for known in group]):
            self._differences.compare(self._bench.model, order)
            yield

    def _row(self, number: int, kind: int) -> Row:
        """Short in one input, longer in the next."""
        made = {}
        for place, each in enumerate(self._inputs):
            length = self._bench.maker.shortest[each.name] + (0, 6, 1)[(number + place) % 3]
            made[each.name] = self._bench.maker.tensor(each, shape_of(each, length), kind + 3 * place)
        return {**self._base, **made}

    def _zeros(self, number: int) -> Mapping[str, tuple[int, ...]]:
        return {
            each.name: spread(each, ZEROS[(number + 2 * place) % len(ZEROS)], 0)
            for place, each in enumerate(self._inputs)
        }


def zeros_behind(length: int, number: int) -> tuple[int, ...]:
    """Behind the shortest rows all amounts, with those to the next power of two and to twice the length; else some."""
    power = (1 << length.bit_length()) - length
    amounts = (*ZEROS, power, length)
    return tuple(dict.fromkeys(amounts if number == 0 else (amounts[number % len(ZEROS)], amounts[-number % 7])))


def spread(each: Input, zeros: int, turn: int) -> tuple[int, ...]:
    """On all ragged axes, or on one of them, in turns."""
    axes = each.spec.shape.count(None)
    chosen = turn % (axes + 1) if axes > 1 else 0
    return tuple(zeros if chosen in (0, axis + 1) else 0 for axis in range(axes))


def orders(known: Sequence[Known]) -> Iterator[Sequence[Known]]:
    """Short rows first, last, and around the long ones."""
    ordered = sorted(known, key=lambda each: sum(tensor.size for tensor in each.row.values()))
    if len(ordered) > 1:
        yield from (ordered, ordered[::-1], [*ordered[::2], *ordered[1::2][::-1]])
