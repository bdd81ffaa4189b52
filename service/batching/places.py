"""Where the batches of one model run: its replicas, each on a device whose turns it shares with other models.

All replicas take from one queue. A batch goes to where the fewest of the model's batches run; of several such, to the
one that has worked the fewest seconds so far. So equal replicas get equal shares, and a slow one gets less. Knows no
time but the seconds it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.batching.execution import Runner
from service.batching.turns import Member, Turns


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
        self._worked = [0.0] * len(places)

    def __repr__(self) -> str:
        return f"<Places [{', '.join(f'{running} of {self._most} running' for running in self._running)}]>"

    def claim(self, member: Member) -> int | None:
        """The place for one batch; else None, and `wake` is called once a device with room has a turn."""
        for place in self._by_load():
            if self._running[place] < self._most and self._turns[place].claim(member):
                self._running[place] += 1
                return place
        return None

    def _by_load(self) -> list[int]:
        return sorted(range(len(self._turns)), key=lambda place: (self._running[place], self._worked[place]))

    def done(self, member: Member, place: int, seconds: float) -> None:
        """The batch is over, after so many seconds; 0 when nothing was run."""
        self._running[place] -= 1
        self._worked[place] += seconds
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
