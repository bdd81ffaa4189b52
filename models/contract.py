"""What callers of a model rely on, and which versions of it keep to that.

A version answers in place of the one before it only while whoever wrote a client for that one notices nothing. Knows
no TensorFlow, no HTTP and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from models.preprocessing import Choice, Image, Numbers, Preprocessing, Quantity, Record, Text
from models.signature import Head, Input, Signature, TensorSpec
from models.values import shorten

KINDS = {Text: "text", Numbers: "numbers", Image: "image", Record: "record"}
LABELS_SHOWN = 10
"""Labels of one list that a line shows."""


@dataclass(frozen=True)
class Difference:
    """One thing that a caller would notice, as a line for people."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Contract:
    """What one version promises. `breaking` says why it does not keep to the one before, where its author said so."""

    version: int
    signature: Signature
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    breaking: str = ""


def broken(old: Contract, new: Contract) -> list[Difference]:
    """What callers of the old version would miss in the new one; nothing where it may answer in its place."""
    return [*differences(old.signature, new.signature), *differences_in_values(old, new)]


def differences(old: Signature, new: Signature) -> list[Difference]:
    """Inputs and heads that are gone or are another thing now, and inputs that are asked for anew.

    More heads, more inputs that may be left out, other descriptions, examples and paddings are no difference.
    """
    return [*of_inputs(old, new), *of_heads(old, new)]


def of_inputs(old: Signature, new: Signature) -> Iterator[Difference]:
    now = {each.name: each for each in new.inputs}
    for was in old.inputs:
        where = f"input {was.name!r}"
        if was.name not in now:
            yield Difference(where, f"is gone{renamed(was, old.inputs, new.inputs)}")
            continue
        yield from of_specs(where, was.spec, now[was.name].spec)
        if is_required(now[was.name]) and not is_required(was):
            yield Difference(where, "was optional, is required")
    for each in new.inputs:
        if each.name not in old.input_names and is_required(each):
            yield Difference(f"input {each.name!r}", "is new and required")


def of_heads(old: Signature, new: Signature) -> Iterator[Difference]:
    now = {each.name: each for each in new.heads}
    for was in old.heads:
        where = f"head {was.name!r}"
        if was.name not in now:
            yield Difference(where, f"is gone{renamed(was, old.heads, new.heads)}")
            continue
        head = now[was.name]
        yield from of_specs(where, was.spec, head.spec)
        yield from changed(where, "kind", was.kind, head.kind)
        yield from changed(where, "unit", was.unit, head.unit)
        yield from of_labels(where, was.labels, head.labels)


def is_required(each: Input) -> bool:
    return each.missing.policy == "refuse"


E = TypeVar("E", Input, Head)


def renamed(gone: E, old: Collection[E], new: Collection[E]) -> str:
    """A hint, where exactly one newcomer has the same tensor."""
    known = {each.name for each in old}
    alike = [each.name for each in new if each.name not in known and each.spec == gone.spec]
    return f" (was it renamed to {alike[0]!r}?)" if len(alike) == 1 else ""


def of_specs(where: str, old: TensorSpec, new: TensorSpec) -> Iterator[Difference]:
    yield from changed(where, "dtype", old.dtype, new.dtype)
    if old.shape != new.shape:
        yield Difference(where, f"shape was {sides(old)}, is {sides(new)}")


def sides(spec: TensorSpec) -> str:
    return f"[{', '.join('any' if side is None else str(side) for side in spec.shape)}]"


def changed(where: str, what: str, old: str, new: str) -> Iterator[Difference]:
    if old != new:
        yield Difference(where, f"{what} was {told(old)}, is {told(new)}")


def told(value: str) -> str:
    return repr(shorten(value)) if value else "none"


def of_labels(where: str, old: Collection[str], new: Collection[str]) -> Iterator[Difference]:
    """Their order counts too: who reads plain tensors counts on it."""
    if tuple(old) == tuple(new):
        return
    gone, added = [each for each in old if each not in new], [each for each in new if each not in old]
    if not gone and not added:
        yield Difference(where, f"labels are in another order: were {listed(old)}, are {listed(new)}")
        return
    parts = [f"{listed(those)} {what}" for those, what in ((gone, "gone"), (added, "new")) if those]
    yield Difference(where, f"labels: {'; '.join(parts)}")


def listed(labels: Collection[str]) -> str:
    shown, more = ", ".join(repr(shorten(each)) for each in list(labels)[:LABELS_SHOWN]), len(labels) - LABELS_SHOWN
    return shown + (f" and {more} more" if more > 0 else "")


def differences_in_values(old: Contract, new: Contract) -> list[Difference]:
    """What a caller has to write for an input: the same tensor may be made of text, of a form, or of numbers."""
    return [
        difference
        for name in old.signature.input_names
        if name in new.signature.input_names
        for difference in of_values(name, kind_of(old, name), kind_of(new, name))
    ]


def kind_of(contract: Contract, name: str) -> Preprocessing:
    return contract.preprocessing.get(name, Numbers())


def of_values(name: str, old: Preprocessing, new: Preprocessing) -> Iterator[Difference]:
    where = f"input {name!r}"
    yield from changed(where, "kind", KINDS[type(old)], KINDS[type(new)])
    if isinstance(old, Record) and isinstance(new, Record):
        yield from of_fields(where, old, new)


def of_fields(where: str, old: Record, new: Record) -> Iterator[Difference]:
    """Every field of a form has to be given: one more is one that nobody gives yet."""
    were, are = {each.name: each for each in old.fields}, {each.name: each for each in new.fields}
    for name, was in were.items():
        if name in are:
            yield from of_field(f"{where}, field {name!r}", was, are[name])
        else:
            yield Difference(f"{where}, field {name!r}", "is gone")
    for name in are:
        if name not in were:
            yield Difference(f"{where}, field {name!r}", "is new and required")


def of_field(where: str, old: Choice | Quantity, new: Choice | Quantity) -> Iterator[Difference]:
    """More labels to choose from are no difference, nor is the range of a number, which follows the data."""
    if isinstance(old, Choice) and isinstance(new, Choice):
        gone = [] if new.open else [each for each in old.labels if each not in new.labels]
        if gone:
            yield Difference(where, f"labels: {listed(gone)} gone")
        if old.open and not new.open:
            yield Difference(where, "took any text, takes only its labels")
    elif isinstance(old, Quantity) and isinstance(new, Quantity):
        yield from changed(where, "unit", old.unit, new.unit)
    else:
        yield from changed(where, "type", type_of(old), type_of(new))


def type_of(field: Choice | Quantity) -> str:
    return "choice" if isinstance(field, Choice) else "number"


def to_keep(newcomer: Contract, below: Iterable[Contract], is_good: Callable[[Contract], bool]) -> Contract | None:
    """The contract that the newcomer follows, out of those of the versions below it, lowest first; None without any.

    A version below counts if it kept to the one before it, or announced that it does not. Where two differ, one of
    them decides about the other, and it has to be one that could have answered: `is_good` is asked only then.
    """
    standing: list[Contract] = []
    for each in [*below, newcomer]:
        while standing and broken(standing[-1], each) and not is_good(standing[-1]):
            standing.pop()
        if each is newcomer:
            break
        if not standing or not broken(standing[-1], each) or (each.breaking and is_good(each)):
            standing.append(each)
    return standing[-1] if standing else None
