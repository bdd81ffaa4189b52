"""How worker threads stand to the event loop, which reads, refuses and answers for everybody."""

from __future__ import annotations

import os
import sys
import threading

NICENESS = 5
"""Of threads that compute: where there are more of them than cores, the loop gets three times the share of one."""


def give_way_to_loop() -> None:
    """Lowers the priority of this thread, and of those that it will start; TensorFlow's are started by the first to run
    a model. Linux only: elsewhere priorities belong to processes."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
