"""Where the batches of one model run: its replicas, each on a device whose turns it shares with other models.

All replicas take from one queue. A batch goes to where the fewest of the model's batches run; of several such, to the
one with the smallest part in the rows and in the seconds of late. So equal replicas get equal shares of both, and a
slow one gets less. (By seconds alone, one might get all the small batches for ever: who begins when nothing runs gets
what has just come, the next what has piled up meanwhile.) Knows no time but the seconds it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.batching.execution import Runner
from service.batching.turns import Member, Turns

LATELY = 256
"""Batches after which what was before counts half."""


@dataclass(frozen=True)
class Place:
    """A replica, and the turns of the device it is on."""

    runner: Runner
    turns: Turns
    device: str = ""


class Places:
    """To be used from one event loop. A place is known by its number."""

    def __init__(self, places: Sequence[Place], instances: int) -> None:
        """`instances`: batches at once on all of them together, the same number on each."""
        self._turns = [each.turns for each in places]
        self._most = max(1, instances // len(places))
        self._running = [0] * len(places)
        self._rows = [0.0] * len(places)
        self._seconds = [0.0] * len(places)
        self._batches = 0
        """Since the last time that the past was discounted."""

    def __repr__(self) -> str:
        return f"<Places [{', '.join(f'{running} of {self._most} running' for running in self._running)}]>"

    @property
    def is_free(self) -> bool:
        """Whether a batch would have a turn at once wherever it went, and before nobody."""
        return all(turns.is_free for turns in self._turns)

    def claim(self, member: Member) -> int | None:
        """The place for one batch; else None, and `wake` is called once a device with room has a turn."""
        for place in self._by_load():
            if self._running[place] < self._most and self._turns[place].claim(member):
                self._running[place] += 1
                return place
        return None

    def _by_load(self) -> list[int]:
        rows, seconds = max(sum(self._rows), 1.0), sum(self._seconds) or 1.0
        parts = [rows_here / rows + here / seconds for rows_here, here in zip(self._rows, self._seconds, strict=True)]
        return sorted(range(len(parts)), key=lambda place: (self._running[place], parts[place]))

    def done(self, member: Member, place: int, rows: int, seconds: float) -> None:
        """The batch of so many rows is over, after so many seconds; 0 when nothing was run."""
        self._running[place] -= 1
        self._rows[place] += rows
        self._seconds[place] += seconds
        self._batches += 1
        if self._batches == LATELY:
            self._batches = 0
            self._rows = [each / 2 for each in self._rows]
            self._seconds = [each / 2 for each in self._seconds]
        self._turns[place].done(member, seconds)

    def withdraw(self, member: Member) -> None:
        """It has nothing to run any more."""
        for turns in self._turns:
            turns.withdraw(member)

    def leave(self, member: Member) -> None:
        """It is gone for good."""
        for turns in self._turns:
            turns.leave(member)

    def stretch(self, member: Member) -> float:
        """How many times longer the member's work takes because others want turns too; at least 1."""
        return len(self._turns) / sum(1.0 / turns.stretch(member) for turns in self._turns)
