"""`make serve`: the service at once, and beside it the training of what the store lacks. Ends both, however it ends.

    make ── tools.serve ─┬─ service serve             (through tools.with_parent)
                         └─ training --with-parent    (nicer to the processor than the service)

The children are in process groups of their own, so Ctrl-C and SIGTERM reach each of them once: from here. After a
kill -9 each process notices within a second that its parent is gone. When the service ends, so does the rest; when
the training ends, well or badly, the service stays up.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from tools.with_parent import watch_parent

NICENESS = 5
GRACE = 10.0
LOOK = 0.2


class Family:
    """The processes started here. A signal to this one goes on to each, those yet to be started included."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hand_on)

    def _hand_on(self, number: int, frame: object) -> None:
        self._signal = number
        for process in self._processes:
            process.send_signal(number)

    def start(self, command: Sequence[str], niceness: int = 0) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, process_group=0)
        self._processes.append(process)
        if niceness:
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        if self._signal is not None:
            process.send_signal(self._signal)
        return process

    @property
    def stopping(self) -> bool:
        return self._signal is not None


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks, waits, then insists."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def command_lines(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """How the service and the training are started."""
    store = ["--store", arguments.store]
    address = ["--host", arguments.host, "--port", str(arguments.port)]
    service = [sys.executable, "-m", "tools.with_parent", "service", "serve", *address, *store]
    training = [sys.executable, "-m", "training", "--missing", "--preset", "quick", "--with-parent", *store]
    return service, training


def wait_for(service: subprocess.Popen[bytes], training: subprocess.Popen[bytes], family: Family) -> int:
    """The service's exit code. Says so if the training fails before that."""
    told = False
    while (code := service.poll()) is None:
        if training.poll() and not told and not family.stopping:
            told = True
            print("The training ended early; the service stays up. `make train` goes on where it stopped.", flush=True)
        time.sleep(LOOK)
    return code if code >= 0 else 128 - code


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--store", default="store")
    service_line, training_line = command_lines(parser.parse_args(argv))
    watch_parent()
    family = Family()
    service = family.start(service_line)
    training = family.start(training_line, NICENESS)
    try:
        return wait_for(service, training, family)
    finally:
        end(training)


if __name__ == "__main__":
    sys.exit(main())
