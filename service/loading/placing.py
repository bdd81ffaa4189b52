"""Loads each model onto the devices that its settings ask for, and keeps account of what is taken of them.

Which devices, `runtime/placement` decides; here is what it decides on, and what follows from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from models.signature import Signature
from service.loading.machine import Machine
from service.loading.preparation import Preparable
from service.loading.replicas import Replicas
from service.runtime.placement import Device, Footprint, Placement, Target, named, place
from service.settings import Runtime

log = structlog.get_logger("manifold")


@dataclass(frozen=True)
class Largest:
    """The largest batch that is counted with: its rows, and the length of sides that the signature leaves open."""

    rows: int
    length: int


class Placer:
    """The account of one machine. Models are placed from one thread; it may be read from any."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._placed: tuple[Placing, ...] = ()

    def __repr__(self) -> str:
        return f"<Placer [{', '.join(map(str, self.devices()))}]>"

    def devices(self) -> tuple[Device, ...]:
        """With what is taken of each."""
        taken = self.taken()
        return tuple(replace(each, taken=taken[each.name]) for each in self.machine.devices())

    def taken(self) -> Counter[str]:
        """Bytes by device, by this account."""
        taken = Counter[str]()
        for placed in self._placed:
            taken.update(placed.bytes_by_device)
        return taken

    def in_use(self) -> dict[str, int]:
        """Bytes by device, as it counts them itself where it does."""
        taken = self.taken()
        counted = {name: self.machine.in_use(name) for name in taken}
        return {name: taken[name] if told is None else told[0] for name, told in counted.items()}

    def load_on_host(self, graph: Path, declared: Signature | None, signature: str = "") -> Preparable:
        """For a moment, and on no account. Raises whatever a file can do to a loader."""
        devices = self.machine.devices()
        return self.machine.load(
            graph, declared, Target(devices[0].name if len(devices) > 1 else None, signature=signature)
        )

    def add(self, placed: Placing) -> None:
        self._placed = (*self._placed, placed)

    def release(self, placed: Placing) -> None:
        """Its bytes are free again. Does nothing for one that was never placed."""
        self._placed = tuple(each for each in self._placed if each is not placed)


class Placing:
    """The placing of one version: `load` stands in for the loading of its graph."""

    def __init__(self, placer: Placer, model: str, version: int, runtime: Runtime, largest: Largest) -> None:
        self._placer = placer
        self._about = {"model": model, "version": version}
        self._runtime = runtime
        self._largest = largest
        self._before: dict[str, int] = {}
        self._footprint = Footprint(0, 0)
        self._is_measured = False
        self.placement: Placement | None = None
        self.replicas: tuple[Preparable, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        return self.placement.devices if self.placement else ()

    @property
    def bytes_by_device(self) -> Mapping[str, int]:
        return dict.fromkeys(self.devices, self.placement.bytes) if self.placement else {}

    def load(self, graph: Path, declared: Signature | None) -> Preparable:
        """Loads it once to see its size, and again wherever else it goes.

        Raises PlacementRefused, and whatever else a file can do to a loader.
        """
        devices = self._placer.devices()
        wanted, instances = self._runtime.device, self._runtime.instances
        first = devices[0].name if wanted == "auto" else named(wanted, devices)[0].name
        seen = self._load_on(first, graph, declared, devices)
        self._footprint = seen.footprint(self._largest.rows, self._largest.length)
        needed = self._footprint.bytes(instances)
        placement = place(wanted, devices, needed, strict=self._runtime.strict)
        self.replicas = tuple(
            seen if name == first else self._load_on(name, graph, declared, devices) for name in placement.devices
        )
        if first not in placement.devices:
            seen.close()
        self._settle(placement)
        return self.replicas[0] if len(self.replicas) == 1 else Replicas(self.replicas)

    def _load_on(self, name: str, graph: Path, declared: Signature | None, devices: Sequence[Device]) -> Preparable:
        before = self._placer.machine.in_use(name)
        if before is not None:
            self._before[name] = before[0]
            self._placer.machine.forget_peak(name)
        # With one device there is nothing to say, and saying nothing costs nothing.
        device = name if len(devices) > 1 else None
        return self._placer.machine.load(
            graph, declared, Target(device, self._runtime.precision, self._runtime.signature)
        )

    def _settle(self, placement: Placement) -> None:
        self.placement = placement
        self._placer.add(self)
        tell = log.warning if placement.warning else log.debug
        tell("model placed", **self._about, devices=list(placement.devices), why=placement.why)

    def measure(self) -> None:
        """After batches of every size have run: what the devices counted goes before what was worked out.

        Batches of other models that ran meanwhile on the same device are counted in.
        """
        assert self.placement is not None
        told = {name: self._placer.machine.in_use(name) for name in self._before if name in self.devices}
        grown = [found[1] - self._before[name] for name, found in told.items() if found is not None]
        if grown:
            peak = max(0, max(grown) - self._footprint.weights)
            self._footprint = replace(self._footprint, peak=peak)
            self.placement = replace(self.placement, bytes=self._footprint.bytes(self._runtime.instances))
            self._is_measured = True

    def describe(self) -> dict[str, Any]:
        """Where it runs and why, for people. `bytes` are those of each device."""
        assert self.placement is not None
        return {
            "device": list(self.placement.devices),
            "why": self.placement.why,
            "bytes": self.placement.bytes,
            "weights_bytes": self._footprint.weights,
            "batch_bytes": self._footprint.peak,
            "bytes_are": "measured" if self._is_measured else "estimated",
            "instances": self._runtime.instances,
            "precision": self._runtime.precision,
        }
