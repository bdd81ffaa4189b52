"""How a training shares a machine: it ends on a signal, ends with its parent, and trains a model alone.

Knows no recipe and no TensorFlow.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

LOCK = ".training.lock"
PARENT_SECONDS = 0.5


class Stopped(BaseException):
    """SIGINT or SIGTERM came. Not an Exception, so that no library mistakes it for an error of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def stop_on_signals() -> None:
    """Turns SIGINT and SIGTERM into Stopped; the second one ends the process where it stands."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)


def end_with_parent() -> None:
    """Ends this process when its parent is gone, however the parent ended."""
    parent = os.getppid()
    threading.Thread(target=_watch_parent, args=(parent,), name="parent-watch", daemon=True).start()


def _watch_parent(parent: int, wait: Callable[[float], object] = time.sleep) -> None:
    while os.getppid() == parent:
        wait(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    wait(5.0)
    os._exit(128 + signal.SIGTERM)  # the main thread sits in a long call: nothing half-written is ever visible


@contextmanager
def training_alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the model folder's lock, waiting for another training of the same model; clears its leftovers away."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            say(f"{folder.name}: process {lock.read().strip() or '?'} is training it already; waiting for it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        for draft in folder.glob(".draft-*"):
            shutil.rmtree(draft, ignore_errors=True)  # whoever held the lock is gone, so nobody writes it
        yield
