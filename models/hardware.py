"""What computes, in words that a manifest keeps: golden answers are exact where they were made, and close elsewhere.

Knows no TensorFlow: who does says which accelerators it has.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
DISTINCT = ("cpu family", "model")
"""A virtual machine may name a whole line of processors alike, of which some compute with wider registers."""


def made_on(accelerators: Sequence[str], tf32: bool) -> dict[str, str]:
    """The device, and the precision of its products: an accelerator may round them to fewer digits."""
    if not accelerators:
        return {"device": processor(), "precision": "float32"}
    return {"device": accelerators[0], "precision": "tf32" if tf32 else "float32"}


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Its name as the kernel knows it, else its architecture."""
    try:
        lines = cpuinfo.read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.machine()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    more = ", ".join(f"{name} {fields[name]}" for name in DISTINCT if name in fields)
    return fields.get("model name", platform.machine()) + (f" ({more})" if more else "")
