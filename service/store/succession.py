"""Which versions another one comes after, and the shape of whoever judges it by them. Pure, and knows no contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from service.events import Event
from service.store.scanner import Found

S = TypeVar("S")


@dataclass(frozen=True)
class Predecessor(Generic[S]):
    """A version that another one comes after. `served` where it answers, None where only the store has it."""

    number: int
    found: Found
    served: S | None = None


class Judge(Protocol[S]):
    """Whether a version may be loaded, and answer where those answered that it comes after."""

    async def __call__(
        self, model: str, number: int, found: Found, before: Sequence[Predecessor[S]], /
    ) -> Sequence[Event]:
        """What is to be told once it answers; `before` is lowest first. Raises whatever keeps it from answering."""


async def let_pass(model: str, number: int, found: Found, before: object) -> Sequence[Event]:
    """Judges nobody."""
    return ()


def predecessors(
    number: int, answering: Mapping[int, Predecessor[S]], on_disk: Mapping[int, Found]
) -> list[Predecessor[S]]:
    """The highest version below that answers, and those that the store has from there on, lowest first.

    Those too which nobody has loaded: after a restart the highest would otherwise come after nothing.
    """
    served = {each: one for each, one in answering.items() if each < number}
    lowest = max(served, default=0)
    stored = {each: Predecessor[S](each, found) for each, found in on_disk.items() if lowest <= each < number}
    below = stored | {each: one for each, one in served.items() if each >= lowest}
    return [below[each] for each in sorted(below)]
