"""What came of a scenario: whether the promise was kept, the figure in one line, and all figures by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.table import Table


@dataclass(frozen=True)
class Verdict:
    """`kept` is None where a scenario measures and does not judge."""

    line: str
    kept: bool | None
    figures: Mapping[str, object] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()

    def __str__(self) -> str:
        return {True: "kept: ", False: "BROKEN: ", None: ""}[self.kept] + self.line


@dataclass(frozen=True)
class Options:
    """How much of it. A scenario reads what concerns it."""

    models: tuple[str, ...] = ()
    """Empty: the scenario's own, or every model."""
    count: int = 2000
    """Random requests for each model."""
    callers: int = 64
    deadline: float = 1.0
    """Seconds that a caller under load waits for an answer."""
    seconds: float = 5.0
    """Of each load."""
    rolls: int = 50
    seed: int = 1
