"""What a trial of padding and of neighbours showed, as the manifest keeps it and as people are told. Runs nothing."""

from __future__ import annotations

import msgspec


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers that should have been equal, compared."""

    rows: int = 0
    """Rows whose answer in company was compared with their answer alone."""
    head: str = ""
    """The head that differed most; empty where none did."""
    difference: float = 0.0
    """The largest |a − b| / (1 + |b|), b being the lone answer: up to 1e-5 counts as equal."""
    reason: str = ""
    """Why it does not hold, or is not proven; empty where it holds."""


class PaddingSeen(Seen, frozen=True, forbid_unknown_fields=True):
    """The same of one input's rows with zeros behind them."""

    shortest: int = 0
    longest: int = 0
    """Lengths of the rows."""
    zeros: tuple[int, ...] = ()
    """How many followed them, beyond the tail."""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a trial showed."""

    neighbours: Seen = Seen()
    batches: tuple[int, ...] = ()
    """How many rows ran together."""
    padding: dict[str, PaddingSeen] = {}
    """By input that might have been padded; empty where rows have to run alone."""
    constant_heads: tuple[str, ...] = ()
    """Heads that gave every row the same answer: they prove nothing."""
