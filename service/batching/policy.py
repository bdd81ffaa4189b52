"""How many rows may run together, how long one may wait for company, and how many may wait. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Auto = Literal["auto"]


@dataclass(frozen=True)
class BatchPolicy:
    """Sizes count rows; `max_queue_delay` and `latency_target` are seconds; `instances` are batches that run at once.

    `auto` is worked out from measured times, so that a row that comes just after a full batch has begun is answered
    within `latency_target` in 99 of 100 cases.
    `buckets` are lengths, ascending, that rows which may be padded are rounded up to, so that shapes repeat;
    without them, and beyond the last, the longest row of the batch sets the length.
    """

    max_batch_size: int | Auto = "auto"
    max_queue_delay: float | Auto = 0.0
    max_queue_size: int = 1024
    latency_target: float = 15.0
    instances: int = 1
    buckets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_queue_size", "instances"):
            value = getattr(self, name)
            if value != "auto" and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.max_queue_delay != "auto" and not 0 <= self.max_queue_delay < float("inf"):
            raise ValueError(f"max_queue_delay must be a number of seconds from 0, not {self.max_queue_delay}")
        if not 0 < self.latency_target < float("inf"):
            raise ValueError(f"latency_target must be a number of seconds above 0, not {self.latency_target}")
        if list(self.buckets) != sorted(set(self.buckets)) or any(bucket < 1 for bucket in self.buckets):
            raise ValueError(f"buckets must be ascending lengths from 1, not {self.buckets}")
