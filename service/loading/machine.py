"""What models can be placed on: this machine by way of TensorFlow, or one nameless device for whatever loads a graph.

TensorFlow is imported when the first model is placed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from models.signature import Signature
from service.loading.preparation import Load, Preparable, begin, load_graph
from service.runtime.placement import Device, Target
from service.settings import Runtime
from service.threads import usable_cores

HOST = Device("cpu:0")


class Machine(Protocol):
    """Everything blocks, and is called from one thread; `in_use` from any."""

    def devices(self) -> Sequence[Device]:
        """The host's first, with the bytes that models may take of each."""

    def load(self, graph: Path, declared: Signature | None, target: Target) -> Preparable:
        """Raises what loading a damaged or foreign file raises."""

    def in_use(self, device: str) -> tuple[int, int] | None:
        """Bytes now, and at the worst moment since `forget_peak`; None where nobody counts them."""

    def forget_peak(self, device: str) -> None: ...


class OneDevice:
    """Loads graphs with what it is given."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def devices(self) -> Sequence[Device]:
        return (HOST,)

    def load(self, graph: Path, declared: Signature | None, target: Target) -> Preparable:
        return self._load(graph, declared)

    def in_use(self, device: str) -> tuple[int, int] | None:
        return None

    def forget_peak(self, device: str) -> None:
        pass


class TensorFlowMachine:
    """The devices that TensorFlow sees, set up as the settings say, if nothing in this process has used it before."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._devices: Sequence[Device] = ()

    def devices(self) -> Sequence[Device]:
        if not self._devices:
            if "tensorflow" not in sys.modules:
                begin(self._start)
            from service.runtime import hardware

            self._devices = hardware.devices(self._runtime.memory_limit)
        return self._devices

    def _start(self) -> None:
        from service.runtime.hardware import Hardware
        from service.runtime.tensorflow import start

        runtime, cores = self._runtime, usable_cores()
        # One pool of each for all models: they share the cores, so more threads than cores would only take turns.
        inter = cores if runtime.inter_op_threads == "auto" else runtime.inter_op_threads
        intra = cores if runtime.intra_op_threads == "auto" else runtime.intra_op_threads
        start(Hardware(runtime.memory_limit, runtime.logical_devices, inter, intra))

    def load(self, graph: Path, declared: Signature | None, target: Target) -> Preparable:
        return load_graph(graph, declared, target)

    def in_use(self, device: str) -> tuple[int, int] | None:
        if not self._devices:
            return None
        from service.runtime import hardware

        return hardware.in_use(device)

    def forget_peak(self, device: str) -> None:
        from service.runtime import hardware

        hardware.forget_peak(device)
