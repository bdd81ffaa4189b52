"""`python -m tools.with_parent MODULE [ARGUMENT…]` runs a module as `python -m` does, and ends it when its parent dies.

A process that was killed with -9 cannot tell its children; so the child looks, and ends as on a SIGTERM from outside.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

INTERVAL = 0.5


def end_with(parent: int) -> None:
    """Waits until this process has another parent than the one it began with, then ends it."""
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)


def watch_parent() -> None:
    threading.Thread(target=end_with, args=(os.getppid(),), name="parent-watch", daemon=True).start()


def main() -> None:
    watch_parent()
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
