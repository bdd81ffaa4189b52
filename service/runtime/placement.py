"""Which devices a model goes to, and why. Pure: given devices with their bytes, and the bytes of a model.

Knows neither TensorFlow nor what a device is. The first device is the host's: it takes what fits nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Wanted = Literal["auto"] | tuple[str, ...]
"""What `runtime.device` says."""


class PlacementRefused(Exception):
    """There is no such device, or no room on any, and `strict` forbids the host."""


@dataclass(frozen=True)
class Device:
    """`total` are the bytes that models may take on it, None where nobody limits them; `taken` those that they do."""

    name: str
    total: int | None = None
    taken: int = 0

    @property
    def free(self) -> float:
        return float("inf") if self.total is None else self.total - self.taken

    def __str__(self) -> str:
        return f"{self.name}: {'no limit' if self.total is None else mebibytes(self.free)}"


@dataclass(frozen=True)
class Target:
    """Where a graph is loaded to, and how it computes. None: wherever TensorFlow puts it.

    `signature` is that of a SavedModel; empty for the default one.
    """

    device: str | None = None
    precision: Precision = "float32"
    signature: str = ""


ANYWHERE = Target()


@dataclass(frozen=True)
class Footprint:
    """Bytes of the variables, and of what a batch of the largest size holds at its worst moment."""

    weights: int
    peak: int

    def bytes(self, instances: int) -> int:
        """With so many batches at once."""
        return self.weights + instances * self.peak


@dataclass(frozen=True)
class Placement:
    """One replica on each of the devices, with `bytes` each. `warning`: it is not where it should be."""

    devices: tuple[str, ...]
    bytes: int
    why: str
    warning: bool = False


def place(wanted: Wanted, devices: Sequence[Device], needed: int, *, strict: bool = False) -> Placement:
    """Where `needed` bytes go. Raises PlacementRefused."""
    if wanted != "auto":
        return as_named(named(wanted, devices), needed, strict=strict)
    host, others = devices[0], devices[1:]
    if not others:
        return Placement((host.name,), needed, f"auto: there is no device but {host.name}")
    # The most room rather than the tightest fit: it spreads the work as well, and one crowded device helps nobody.
    best = max(others, key=lambda each: each.free)
    if best.free >= needed:
        why = f"auto: {mebibytes(needed)} needed, {best.name} has the most free of {listed(others)}"
        return Placement((best.name,), needed, why)
    lack = f"{mebibytes(needed)} needed, free are {listed(others)}"
    if strict:
        raise PlacementRefused(f"no room on any device, and runtime.strict is set: {lack}")
    return Placement((host.name,), needed, f"auto: no room on another device: {lack}", warning=True)


def as_named(devices: Sequence[Device], needed: int, *, strict: bool) -> Placement:
    """Who names devices knows them better than an estimate: what seems not to fit is tried, unless `strict`."""
    crowded = [each for each in devices if each.free < needed]
    names = tuple(each.name for each in devices)
    if not crowded:
        return Placement(names, needed, "runtime.device names it" if len(names) == 1 else "runtime.device names them")
    lack = f"{mebibytes(needed)} needed, free are {listed(crowded)}"
    if strict:
        raise PlacementRefused(f"no room where runtime.device wants it, and runtime.strict is set: {lack}")
    return Placement(names, needed, f"runtime.device names it, though {lack}", warning=True)


def named(names: Sequence[str], devices: Sequence[Device]) -> tuple[Device, ...]:
    """The devices of these names. Raises PlacementRefused for one that is not there."""
    there = {each.name: each for each in devices}
    for name in names:
        if name not in there:
            raise PlacementRefused(f"runtime.device: there is no device {name!r}; there are {', '.join(there)}")
    return tuple(there[name] for name in names)


def listed(devices: Sequence[Device]) -> str:
    return ", ".join(map(str, devices))


def mebibytes(count: float) -> str:
    return f"{count / 2**20:,.1f} MiB"
