"""Who of several models runs next on one device, so that a flooded one does not slow the others down. Knows no time.

Each batch is paid for with the seconds it took; whoever has paid least has the next turn, and nobody saves up turns
while idle (start-time fair queueing, Goyal, Vin and Cheng 1996).
"""

from __future__ import annotations

from typing import Protocol


class Member(Protocol):
    """A model's batcher."""

    def wake(self) -> None:
        """Its turn may have come."""


class Turns:
    """At most `slots` batches run at once. To be used from one event loop."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._free = slots
        self._paid: dict[Member, float] = {}
        self._running: dict[Member, int] = {}
        self._waiting: dict[Member, None] = {}
        self._gone: set[Member] = set()
        self._level = 0.0
        """What the last to have a turn had paid: who comes back from idleness starts there."""

    def __repr__(self) -> str:
        return f"<Turns [{self._slots - self._free} of {self._slots} running, {len(self._waiting)} models waiting]>"

    @property
    def is_free(self) -> bool:
        """Whether whoever claims a turn now has it at once, and before nobody."""
        return bool(self._free) and not self._waiting

    def claim(self, member: Member) -> bool:
        """A turn for one batch, or a place in the line: then `wake` is called once a turn is free."""
        if member not in self._waiting and not self._running.get(member):
            self._paid[member] = max(self._paid.get(member, 0.0), self._level)
        self._waiting[member] = None
        if not self._free or self._next() is not member:
            return False
        del self._waiting[member]
        self._free -= 1
        self._running[member] = self._running.get(member, 0) + 1
        self._level = max(self._level, self._paid[member])
        self._wake_next()  # two turns given back before anyone asked woke the same one twice
        return True

    def done(self, member: Member, seconds: float) -> None:
        """Gives the turn back, after so many seconds; 0 when nothing was run."""
        self._paid[member] += seconds
        self._running[member] -= 1
        self._free += 1
        if member in self._gone:
            self._forget(member)
        self._wake_next()

    def withdraw(self, member: Member) -> None:
        """It has nothing to run any more."""
        if member in self._waiting:
            del self._waiting[member]
            self._wake_next()

    def leave(self, member: Member) -> None:
        """It is gone for good; batches of its that still run keep their turns until they are done."""
        self.withdraw(member)
        self._gone.add(member)
        self._forget(member)

    def _forget(self, member: Member) -> None:
        if not self._running.get(member):
            self._gone.discard(member)
            self._paid.pop(member, None)
            self._running.pop(member, None)

    def stretch(self, member: Member) -> float:
        """How many times longer the member's work takes because others want turns too; at least 1."""
        active = {each for each, count in self._running.items() if count} | self._waiting.keys() | {member}
        return max(1.0, len(active) / self._slots)

    def _next(self) -> Member:
        return min(self._waiting, key=lambda each: self._paid[each])

    def _wake_next(self) -> None:
        if self._free and self._waiting:
            self._next().wake()
