"""How many rows may run together, how long one may wait for company, and how many may wait. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchPolicy:
    """Sizes count rows, `max_queue_delay` is in seconds, `instances` are batches that run at once.

    `buckets` are lengths, ascending, that rows which may be padded are rounded up to, so that shapes repeat;
    without them, and beyond the last, the longest row of the batch sets the length.
    """

    max_batch_size: int = 32
    max_queue_delay: float = 0.0
    max_queue_size: int = 1024
    instances: int = 1
    buckets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_queue_size", "instances"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.max_queue_delay < float("inf"):
            raise ValueError(f"max_queue_delay must be a number of seconds from 0, not {self.max_queue_delay}")
        if list(self.buckets) != sorted(set(self.buckets)) or any(bucket < 1 for bucket in self.buckets):
            raise ValueError(f"buckets must be ascending lengths from 1, not {self.buckets}")
