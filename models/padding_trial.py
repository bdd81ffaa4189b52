"""Whether padding or neighbours change a model's answers, established by trying.

Rows run alone, then in company and with zeros behind them. A difference proves that they matter; that none is found
proves nothing by itself, so the rows are short and long and of many kinds, and heads that never move convince nobody.
Knows a model only as something to run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from models.evidence import Evidence, PaddingSeen, Seen
from models.signature import Input, Padding, Signature
from models.trial_answers import TOLERANCE, Differences, Model, Run
from models.trial_padding import Bench, OneInput, Together
from models.trial_rows import Maker, Range, Row

COMPANY = ((0, 1), (2, 0, 3), (3, 2, 1, 0))
"""Batches of four rows of equal shape: the first has other neighbours each time, and another place."""
STRANGERS = (4, 7, 2)
"""Kinds of neighbours: large values, or nothing at all; holes of zeros, or any; all above zero, or all alike."""
LONGEST_REAL = 1_000
"""Longer rows are left out: a trial has to be over soon."""


@dataclass(frozen=True)
class Verdict:
    """The signature with what was established in place of what was declared, and why."""

    signature: Signature
    evidence: Evidence


def establish(
    signature: Signature,
    run: Run,
    rows: Sequence[Row] = (),
    ranges: Mapping[str, Range | None] | None = None,
    *,
    is_declared: bool = True,
    seconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict:
    """What of the declared padding holds: it is weakened where answers move, and never strengthened.

    Nothing is declared of a graph without a manifest: there everything is tried that might be padded, and every head
    has to be seen to move. `rows` are real ones, without tails; others are made up, of values within `ranges` where
    those are given. The trial takes what it takes, and goes on for up to `seconds`.
    """
    if any(each.padding.kind == "alone" for each in signature.inputs):
        return Verdict(signature, Evidence())
    tried = signature if is_declared else supposed(signature)
    end = clock() + seconds
    model = Model(tried, run)
    bench = Bench(model, usable(tried, rows), Maker(tried, model.runs, ranges or {}), lambda: clock() >= end)
    neighbours, sizes = try_neighbours(bench)
    padding = {} if neighbours.reason else try_padding(bench)
    constant = tuple(name for name in tried.head_names if not bench.responses.has(name))
    if constant and (not is_declared or len(constant) == len(tried.heads)):
        reason = f"head {constant[0]!r} gives every row the same answer, which proves nothing"
        padding = {name: unproven(seen, reason) for name, seen in padding.items()}
    weak = [name for name, seen in padding.items() if seen.reason]
    verdict = weakened(tried, "alone", tried.input_names) if neighbours.reason else weakened(tried, "exact", weak)
    return Verdict(verdict, Evidence(neighbours, sizes, padding, constant))


def usable(signature: Signature, rows: Sequence[Row]) -> list[Row]:
    """Those that are not too long to be run many times, the shortest first."""
    short = [row for row in rows if max(ragged_sides(signature, row), default=0) <= LONGEST_REAL]
    return sorted(short, key=lambda row: sum(ragged_sides(signature, row)))


def ragged_sides(signature: Signature, row: Row) -> list[int]:
    return [
        size
        for each in signature.inputs
        for size, side in zip(row[each.name].shape, each.spec.shape, strict=True)
        if side is None
    ]


def supposed(signature: Signature) -> Signature:
    """Every ragged input as if it might be padded, with no tail: a lone answer is the graph's own."""
    inputs = (replace(each, padding=Padding("pad")) if each.spec.is_ragged else each for each in signature.inputs)
    return replace(signature, inputs=tuple(inputs))


def weakened(signature: Signature, kind: Literal["alone", "exact"], names: Sequence[str]) -> Signature:
    """The tail stays: a row that runs alone has it too."""
    inputs = (
        replace(each, padding=replace(each.padding, kind=kind)) if each.name in names else each
        for each in signature.inputs
    )
    return replace(signature, inputs=tuple(inputs))


def unproven(seen: PaddingSeen, reason: str) -> PaddingSeen:
    return replace(seen, reason=seen.reason or reason)


def try_neighbours(bench: Bench) -> tuple[Seen, tuple[int, ...]]:
    """Rows of equal shape alone, and in batches with one another; the sizes of those."""
    differences, sizes = Differences(), set[int]()
    for rows in companies(bench):
        known = bench.model.alone(rows)
        if len(known) < 2:
            continue
        bench.responses.add(known)
        differences.rows += len(known)
        for places in COMPANY:
            batch = [known[place] for place in places if place < len(known)]
            if len(batch) > 1:
                sizes.add(len(batch))
                differences.compare(bench.model, batch)
        if differences.is_certain or bench.is_late():
            break
    if not differences.rows:
        return Seen(reason="no two rows of one shape could be run"), ()
    return differences.seen(lambda head: TOLERANCE), tuple(sorted(sizes))


def companies(bench: Bench) -> Iterator[list[Row]]:
    """Four rows of one shape each time: real ones first, beside them such as are made up."""
    maker = bench.maker
    firsts = [bench.base(beyond, kind) for kind, beyond in enumerate((4, 0, 16))] if maker.can_make else []
    for number, first in enumerate([*bench.rows[:1], *firsts]):
        real = [row for row in bench.rows if row is not first and shapes(row) == shapes(first)]
        made_up = [maker.like(first, number + kind) if maker.can_make else first for kind in STRANGERS]
        yield [first, *real[:2], *made_up][:4]


def shapes(row: Row) -> Mapping[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in row.items()}


def try_padding(bench: Bench) -> dict[str, PaddingSeen]:
    """Each input that might be padded by itself, then all together that bear it."""
    inputs = [each for each in bench.model.signature.inputs if each.spec.is_ragged and each.padding.kind == "pad"]
    found = {each.name: try_input(bench, each) for each in inputs}
    safe = [each for each in inputs if not found[each.name].reason]
    reason = Together(bench, safe).run() if len(safe) > 1 else ""
    told = f"padded together with the other inputs: {reason}" if reason else ""
    return {name: unproven(seen, told) for name, seen in found.items()}


def try_input(bench: Bench, each: Input) -> PaddingSeen:
    if not bench.maker.can_make:
        return PaddingSeen(reason="no row that was made up could be run")
    shortest = bench.maker.shortest[each.name]
    if shortest > 1:
        return PaddingSeen(reason=f"a row shorter than {shortest} raises alone, and would be answered in company")
    return OneInput(bench, each).run()
