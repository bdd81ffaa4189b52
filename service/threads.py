"""How worker threads stand to the event loop, which reads, refuses and answers for everybody."""

from __future__ import annotations

import gc
import math
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

NICENESS = 5
"""Of threads that only compute: where there are more of them than cores, the loop gets three times the share of one."""
SWITCH_INTERVAL = 0.0005
"""Seconds that a thread may keep the interpreter while another wants it. Python's own 5 ms are for fewer switches; the
loop wants the interpreter anew for every event, and would wait that long for each while a photo is decoded."""


COLLECT_AFTER = 50_000
"""Objects that may be made, beyond those that went, before cycles are looked for. Python's own 700 are two requests:
of hundreds that wait at once it would look at every object again and again, and found nothing."""


def favour_loop() -> None:
    """For the whole process."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(COLLECT_AFTER)


def behind_the_loop(start: Callable[[], object]) -> None:
    """Runs `start` on a thread of low priority, which those that it starts inherit. They must not need the interpreter:
    who waits for a processor while holding it holds up everybody. Linux only: elsewhere priorities are processes'.
    Raises what `start` raises.
    """

    errors: list[Exception] = []

    def run() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        try:
            start()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="start")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """That this process may use: those it is bound to, and no more than its container's share of time is worth."""
    bound = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = cgroup.read_text().split()
        return max(1, min(bound, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # not in a container, or `max`
        return bound
