"""How much memory a version would take and how much there is. Reads the kernel's files; knows no model.

A process that takes too much is killed, and every model with it: what does not fit is refused before it is loaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

WEIGHTS = "model.weights.h5"
"""Where a `.keras` file keeps them, uncompressed."""
VARIABLES = "variables"
"""The folder of a SavedModel's."""
HEIGHT = 3
"""Times the weights that loading them takes at its height: the file, the variables, and what these began as.
Measured: 3.4 times for eight layers, 6 for one alone, of which 2 to 3 stay."""
MEGABYTE = 2**20
UNLIMITED = 2**60
"""A limit that is none: version 1 of cgroups says so by a number that no machine has."""

Available = Callable[[], int | None]
"""Bytes that may still be taken; None where nobody knows."""


class NotEnoughMemory(Exception):
    """A version whose weights do not fit: how much they take, and how much there is."""


def refuse_too_large(needed: int, available: int | None) -> None:
    """Raises NotEnoughMemory."""
    if available is not None and needed > available:
        raise NotEnoughMemory(
            f"not enough memory: to load its weights takes about {megabytes(needed)} MB, "
            f"{megabytes(max(available, 0))} MB are available"
        )


def megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f}" if size < 10 * MEGABYTE else f"{size / MEGABYTE:,.0f}"


def needed_by(graph: Path) -> int:
    """Bytes that loading the file takes at its height, about."""
    return weights_in(graph) * HEIGHT


def weights_in(graph: Path) -> int:
    """Bytes of the weights of a `.keras` file, or of a SavedModel, which has them beside it.

    0 for a file that is neither, which the loader will say better.
    """
    try:
        with zipfile.ZipFile(graph) as file:
            return file.getinfo(WEIGHTS).file_size
    except (OSError, KeyError, zipfile.BadZipFile):
        return sum(path.stat().st_size for path in (graph.parent / VARIABLES).glob("*"))


def available(root: Path = Path("/")) -> int | None:
    """The least that the machine and each control group around this process leave. None without Linux's files."""
    return min((*of_machine(root), *of_groups(root)), default=None)


def of_machine(root: Path) -> Iterator[int]:
    for line in lines(root / "proc/meminfo"):
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield int(value.split()[0]) * 1024


def of_groups(root: Path) -> Iterator[int]:
    """Of version 2, whose hierarchy has no number's name, and of version 1, whose names `memory`."""
    for line in lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from of_group(root / "sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from of_group(root / "sys/fs/cgroup/memory", path, *names)


def of_group(top: Path, path: str, limit: str, usage: str, reclaimable: str) -> Iterator[int]:
    """The group's and its parents'. In a container the path is often the host's, and the top is its own group."""
    group = top / path.lstrip("/")
    for folder in (group, *group.parents):
        most, used = number_in(folder / limit), number_in(folder / usage)
        if most is not None and used is not None and most < UNLIMITED:
            yield most - used + reclaimable_in(folder / "memory.stat", reclaimable)
        if folder == top:
            return


def reclaimable_in(file: Path, name: str) -> int:
    """Bytes of files read that the kernel drops when it needs the room."""
    return next((int(line.split()[1]) for line in lines(file) if line.startswith(f"{name} ")), 0)


def number_in(file: Path) -> int | None:
    text = "".join(lines(file))
    return int(text) if text.isdecimal() else None  # "max" is no limit


def lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
