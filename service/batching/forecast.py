"""How long a request would take if it came now. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds. Nothing is expected of a model that was never measured: all are 0 then."""

    wait: float = 0.0
    """Until its rows run: what runs now, and what waits before it."""
    compute: float = 0.0
    """Of the batch its rows would be in."""
    alone: float = 0.0
    """Of its rows with the device to themselves, at the fastest ever seen."""
