"""Measures a model before its first request: batches of one row, of two, of four … until more rows do not pay.

Blocks; knows no event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from service.batching.execution import Runner
from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.padding import Geometry, Row, stack
from service.batching.policy import BatchPolicy
from service.batching.tuning import MOST

FALL = 0.9
"""Two sizes in a row with fewer rows a second than this share of the best end the search."""


def calibrate(
    runner: Runner,
    samples: Sequence[Row],
    heads: Collection[str],
    policy: BatchPolicy,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """What batches of rows like the samples take, the first sample first; ends after about so many seconds.

    Raises what the model raises.
    """
    latency, geometry = Latency(), Geometry(runner.signature, policy.buckets)
    largest = 1 if geometry.is_mixing else MOST if policy.max_batch_size == "auto" else policy.max_batch_size
    until = clock() + seconds
    for row in samples:
        elements = geometry.elements(row, geometry.lengths(row))
        if latency.cell(1, elements) is not None:
            continue
        size, best, falls = 1, 0.0, 0
        while clock() < until:
            tensors, _ = stack(runner.signature, [row] * size, policy.buckets)
            times = []
            for _ in range(1 + KNOWN_AFTER):
                began = clock()
                runner.run(tensors, heads)
                times.append(clock() - began)
            # The first run pays for its memory, and others may share the machine: the fastest is the model's own.
            for _ in range(KNOWN_AFTER):
                latency.observe(size, elements, min(times))
            falls = falls + 1 if size < FALL * best * min(times) else 0
            if size == largest or falls == 2 or 2 * min(times) > policy.latency_target:
                break
            best = max(best, size / max(min(times), 1e-9))
            size = min(2 * size, largest)
    return latency
