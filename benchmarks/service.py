"""Starts a service on a free port of the loopback, and ends it. Its settings are the environment's (`MANIFOLD_…`)."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from benchmarks import ROOT, foreign
from benchmarks.target import LOOK, Target

WARM_SECONDS = 300
END_SECONDS = 60
TOKEN = "MANIFOLD_ADMIN__TOKEN"
ADDRESS = re.compile(r"http://[\d.]+:\d+")


class NotStarted(Exception):
    """The service did not come up; the message is its log."""


def fill(
    store: Path, models: Path, wanted: Collection[str], made_here: Collection[str], versions: int | None = None
) -> None:
    """A store with links to these models of the folder, and with those that are made here. Raises NotStarted.

    `versions`: each model has so many, every one of which is the folder's newest.
    """
    store.mkdir()
    for name in wanted:
        if not (models / name).is_dir():
            raise NotStarted(f"there is no model {name!r} in {models}")
        if versions is None:
            (store / name).symlink_to((models / name).resolve())
            continue
        newest = max(
            (each for each in (models / name).iterdir() if each.name.isdecimal()), key=lambda each: int(each.name)
        )
        (store / name).mkdir()
        for number in range(1, versions + 1):
            (store / name / str(number)).symlink_to(newest.resolve())
    for name in made_here:
        foreign.save(store, name)


@contextmanager
def service_on(store: Path, log: Path) -> Iterator[Target]:
    """Serves the store, every model of which is warm; its admin API is on. Raises NotStarted."""
    token = os.environ.get(TOKEN) or secrets.token_urlsafe()
    command = [sys.executable, "-m", "service", "serve", "--store", str(store), "--port", "0"]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {TOKEN: token}, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            yield replace(warm(process, log, {each.name for each in store.iterdir()}), token=token, store=store)
        finally:
            end(process)


def warm(process: subprocess.Popen[str], log: Path, models: Collection[str]) -> Target:
    """Once every model answers. Raises NotStarted."""
    assert process.stdout is not None
    # It says its addresses there and nothing afterwards: nobody has to go on reading.
    found = next(filter(None, map(ADDRESS.search, process.stdout)), None)
    if found is None:
        raise NotStarted(log.read_text())
    until = time.monotonic() + WARM_SECONDS
    while time.monotonic() < until and process.poll() is None:
        states = httpx.get(f"{found[0]}/readyz").json()["models"]
        if all(states.get(model) == "AVAILABLE" for model in models):
            return Target(found[0], process, log)
        if "END" in states.values():  # a version that was refused: it will not come
            break
        time.sleep(LOOK)  # another process: there is nothing to wait on but its answer
    raise NotStarted(log.read_text())


def end(process: subprocess.Popen[str]) -> None:
    """Asks, waits, then insists."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
