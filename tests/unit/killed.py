"""Work that is killed (SIGKILL) at any of its steps. For a process of its own: forks do not mix with threads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether the work, in a fork, was killed before its end, at that one of the steps which Python's audit hook sees.

    Those are opens, mkdirs, renames: all that the file system could see.
    """
    child = os.fork()
    if not child:
        left = step

        def count(event: str, arguments: object) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise ChildProcessError(f"the work failed at step {step}")
    return os.WIFSIGNALED(status)
