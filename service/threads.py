"""How worker threads stand to the event loop, which reads, refuses and answers for everybody."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable

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
    """

    def run() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        start()

    thread = threading.Thread(target=run, name="start")
    thread.start()
    thread.join()
