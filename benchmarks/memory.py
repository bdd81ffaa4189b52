"""The resident memory of a process, looked at while something else runs. Reads /proc; elsewhere there is nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.1
MIB = 2**20


@dataclass
class Memory:
    """In MiB: before, the most that was seen, after."""

    before: float
    peak: float
    after: float

    def __str__(self) -> str:
        return f"{self.before:,.0f} MiB before, {self.peak:,.0f} at most, {self.after:,.0f} after"


def resident(pid: int) -> float | None:
    """None where the process is gone, or not to be seen."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@asynccontextmanager
async def memory_of(pid: int | None) -> AsyncIterator[Memory | None]:
    """Its figures are whole at the end of the block; None where the process is not to be seen."""
    if pid is None or (now := resident(pid)) is None:
        yield None
        return
    memory = Memory(now, now, now)

    async def watch() -> None:
        while True:
            memory.peak = max(memory.peak, resident(pid) or 0.0)
            await asyncio.sleep(LOOK)

    watching = asyncio.create_task(watch())
    try:
        yield memory
    finally:
        watching.cancel()
        memory.after = resident(pid) or 0.0
        memory.peak = max(memory.peak, memory.after)
