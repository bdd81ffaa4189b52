"""A real service in a process of its own, for the tests that need one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
WARM_SECONDS = 120
LOOK = 0.1
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def environment(**more: str) -> dict[str, str]:
    """This process's, without what `make test` and the caller's own settings put there."""
    kept = {key: value for key, value in os.environ.items() if key not in OF_MAKE and not key.startswith("MANIFOLD_")}
    return kept | more


class Service:
    """`python -m service serve` on a free port of the loopback. Use it in a `with` block, which ends it."""

    def __init__(self, store: Path, log: Path) -> None:
        command = [sys.executable, "-m", "service", "serve", "--store", str(store), "--port", "0"]
        self.store = store
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(MANIFOLD_RUNTIME__CACHE=str(store.parent / "cache")),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        lines = (re.search(r"http://[\d.]+:\d+", line) for line in self.process.stdout)
        found = next(filter(None, lines), None)
        assert found, log.read_text()
        self.address = found[0]
        self._reading = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_until_warm(self) -> None:
        """Until every model of the store answers. Raises TimeoutError with the log."""
        models = {each.name for each in self.store.iterdir() if each.is_dir() and not each.name.startswith(".")}
        deadline = time.monotonic() + WARM_SECONDS
        while time.monotonic() < deadline:
            answer = httpx.get(f"{self.address}/readyz")
            states = answer.json()["models"]
            if answer.status_code == 200 and all(states.get(model) == "AVAILABLE" for model in models):
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(LOOK)  # another process: there is nothing to wait on but its answer
        raise TimeoutError(self.log.read_text())
