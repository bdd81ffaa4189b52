"""One promise each: a function from a service and a size to a verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks import foreign
from benchmarks.scenarios import (
    abandoned,
    heads,
    mixed,
    overload,
    parity,
    poison,
    replicas,
    retraces,
    rolls,
    sigterm,
    startup,
)
from benchmarks.target import Target
from benchmarks.verdict import Options, Verdict


class Name(StrEnum):
    poison = "poison"
    abandoned = "abandoned"
    parity = "parity"
    heads = "heads"
    sigterm = "sigterm"
    overload = "overload"
    mixed = "mixed"
    rolls = "rolls"
    startup = "startup"
    retraces = "retraces"
    replicas = "replicas"


@dataclass(frozen=True)
class Scenario:
    """`models` are what it uses of the store unless told otherwise, or it uses `every` one; `made` are `foreign`."""

    run: Callable[[Target, Options], Awaitable[Verdict]]
    models: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    every: bool = False
    versions: int | None = None
    """Of each model of the store; None for those that it has."""
    count: int = Options().count
    starts: bool = False
    """Whether it starts services itself, on the store that it is given."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the service that is started, as variables of its environment."""


SCENARIOS = {
    Name.poison: Scenario(poison.poison, made=(foreign.UNMASKED,)),
    Name.abandoned: Scenario(abandoned.abandoned, made=(foreign.UNMASKED,)),
    Name.parity: Scenario(parity.parity, made=(foreign.UNMASKED,), every=True),
    Name.heads: Scenario(heads.heads, made=(foreign.TWELVE,)),
    Name.sigterm: Scenario(sigterm.sigterm, made=(foreign.UNMASKED,)),
    Name.overload: Scenario(overload.overload, ("author_profile",)),
    Name.mixed: Scenario(mixed.mixed, ("author_profile", "question_answering")),
    Name.rolls: Scenario(rolls.rolls, ("question_answering",), versions=2),
    Name.startup: Scenario(startup.startup, every=True, count=3, starts=True),
    Name.retraces: Scenario(retraces.retraces, every=True, count=10_000),
    Name.replicas: Scenario(replicas.replicas, made=(foreign.UNMASKED,), settings=replicas.SETTINGS),
}
