"""What people want of one model's versions, beside the policy. Lives as long as the process."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.store.versions import Orders

STABLE = "stable"
"""The label that the default version follows."""


@dataclass(frozen=True, slots=True)
class Shadowing:
    """A candidate answers a `share` of the requests, from 0 to 1, a second time, to be compared; nobody hears it."""

    version: int
    share: float


@dataclass
class Wishes:
    """A label may point to a version that is not available, and then waits for it. So may a shadow."""

    labels: dict[str, int] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    """Loaded by hand."""
    barred: set[int] = field(default_factory=set)
    """Unloaded by hand."""
    shadow: Shadowing | None = None

    def hold(self, number: int) -> None:
        self.barred.discard(number)
        self.held.add(number)

    def bar(self, number: int) -> None:
        self.held.discard(number)
        self.barred.add(number)

    def labels_at(self, number: int) -> list[str]:
        """The labels that point to the version, by name."""
        return sorted(label for label, at in self.labels.items() if at == number)

    def orders(self) -> Orders:
        shadow = () if self.shadow is None else (self.shadow.version,)
        return Orders(frozenset((*self.held, *self.labels.values(), *shadow)), frozenset(self.barred))
