"""Which versions of a model should be loaded, as pure functions of what is on disk and what each version is doing.

The vocabulary (aspired versions, version policy, the five states) is TensorFlow Serving's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class State(StrEnum):
    """The life of a version. END carries the reason when it was not asked for."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionPolicy:
    """`latest:N` keeps the N highest numbers, `all` every one, `specific:1,2` those named."""

    kind: Literal["latest", "all", "specific"]
    count: int = 1
    numbers: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> VersionPolicy:
        """Raises ValueError for text that is none of the three forms."""
        kind, _, rest = text.partition(":")
        if kind == "all" and not rest:
            return cls("all")
        if kind == "latest" and rest.isdecimal() and int(rest) > 0:
            return cls("latest", count=int(rest))
        if kind == "specific" and rest and all(part.isdecimal() for part in rest.split(",")):
            return cls("specific", numbers=frozenset(map(int, rest.split(","))))
        raise ValueError(f"expected latest:N, all or specific:1,2, got {text!r}")

    def admits(self, version: int) -> bool:
        """Whether it would ever be chosen."""
        return self.kind != "specific" or version in self.numbers

    def choose(self, versions: Collection[int]) -> frozenset[int]:
        if self.kind == "all":
            return frozenset(versions)
        if self.kind == "specific":
            return self.numbers & frozenset(versions)
        return frozenset(sorted(versions)[-self.count :])


@dataclass(frozen=True)
class Plan:
    """What to do next for one model; the newest loads first."""

    load: tuple[int, ...] = ()
    unload: tuple[int, ...] = ()


@dataclass(frozen=True)
class Orders:
    """What people decided about single versions, which goes before the policy. To bar goes before to keep."""

    kept: frozenset[int] = frozenset()
    """Loaded by hand, labelled, or a shadow."""
    barred: frozenset[int] = frozenset()
    """Unloaded by hand."""

    def amend(self, chosen: frozenset[int], usable: Collection[int]) -> frozenset[int]:
        """What is wanted, when a policy chose these among those that are usable."""
        return (chosen | (self.kept & frozenset(usable))) - self.barred


Preserve = Literal["availability", "resources"]
"""What comes first where a version takes over: that somebody can answer, or that there is one of them in memory."""


Situation = tuple[VersionPolicy, Collection[int], Mapping[int, State], Collection[int], Orders]
"""The policy, what is on disk, what each version is doing, which of them failed, and what people decided."""


def plan(
    policy: VersionPolicy,
    on_disk: Collection[int],
    states: Mapping[int, State],
    failed: Collection[int],
    orders: Orders = Orders(),
) -> Plan:
    """Availability-preserving: an old version goes only when every version that is wanted now can answer.

    A version that failed is passed over, so that the next best one is wanted in its place. One that is barred is not:
    who unloads a version asks for that and no more.
    """
    wanted = wanted_of(policy, on_disk, failed, orders)
    available = {version for version, state in states.items() if state is State.AVAILABLE}
    missing = wanted - states.keys()
    if missing:
        return Plan(load=tuple(sorted(missing, reverse=True)))
    if wanted <= available and (wanted or not on_disk):
        return Plan(unload=tuple(sorted(available - wanted)))
    return Plan()


def wanted_of(
    policy: VersionPolicy, on_disk: Collection[int], failed: Collection[int], orders: Orders = Orders()
) -> frozenset[int]:
    """Whether loaded or not."""
    usable = set(on_disk) - set(failed)
    return orders.amend(policy.choose(usable), usable)


def spare(
    policy: VersionPolicy,
    on_disk: Collection[int],
    states: Mapping[int, State],
    failed: Collection[int],
    orders: Orders = Orders(),
) -> tuple[int, ...]:
    """Resource-preserving: what goes before another version is loaded, because only that one is wanted."""
    available = {version for version, state in states.items() if state is State.AVAILABLE}
    return tuple(sorted(available - wanted_of(policy, on_disk, failed, orders)))
