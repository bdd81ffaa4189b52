"""What real graphs do on a CPU that is split into three devices, as one line of JSON. Run in a process of its own:
TensorFlow splits it once, before it computes anything.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from service.loading.machine import TensorFlowMachine
from service.loading.placing import Largest, Placer, Placing
from service.loading.preparation import prepare
from service.runtime.placement import PlacementRefused
from service.settings import Runtime
from service.threads import usable_cores

LIMIT = 2**20
UNITS = {"loop": 8, "small": 8, "large": 600, "huge": 1100}
"""Of the widest layer: weights of next to nothing, of two thirds of the limit, and of more than all of it."""
DRAW = np.random.default_rng(1)
ROWS = {"text": DRAW.integers(1, 9, (5, 7)).astype(np.int32), "meta": DRAW.random((5, 3)).astype(np.float32)}


class Bench:
    """A machine of `cpu:0`, the host, and two devices with a limit."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.common = Runtime(logical_devices=3, memory_limit=LIMIT)
        self.placer = Placer(TensorFlowMachine(self.common))
        self.placer.devices()

    def save(self, name: str, units: int) -> None:
        import keras

        text, meta = keras.Input((None,), dtype="int32", name="text"), keras.Input((3,), name="meta")
        embedded = keras.layers.Embedding(10, 4)(text)
        # A loop is worth having on another device, and takes long to trace.
        encoded = (keras.layers.LSTM(4) if name == "loop" else keras.layers.GlobalAveragePooling1D())(embedded)
        merged = keras.layers.Dense(units)(keras.layers.concatenate([encoded, meta]))
        square = keras.layers.Dense(units // 2, activation="tanh")(merged)
        heads = {"a": keras.layers.Dense(2)(square), "b": keras.layers.Dense(1, activation="sigmoid")(square)}
        folder = self.store / name / "1"
        folder.mkdir(parents=True)
        keras.Model([text, meta], heads).save(folder / "model.keras")

    def place(self, name: str, **runtime: Any) -> tuple[Placing, Any]:
        """Loaded, tried and warm."""
        changed = Runtime(**(self.common.model_dump() | runtime))
        placing = Placing(self.placer, name, 1, changed, Largest(8, 16))
        prepared = prepare(name, self.store / name / "1", placing.load, (1, 8))
        return placing, prepared.servable

    def refusal(self, name: str, **runtime: Any) -> str:
        try:
            self.place(name, **runtime)
        except PlacementRefused as error:
            return str(error)
        return ""


def variables(replica: Any) -> list[str]:
    """The devices that a replica's own variables are on."""
    functions = replica._functions.values()
    return sorted({each.device.rpartition("device:")[2].lower() for one in functions for each in one.variables})


def computed_on(replica: Any) -> list[str]:
    """The devices that its operations were traced for; an argument is where its caller has it."""
    graphs = [one.graph for one in replica._functions.values()]
    devices = {each.device for graph in graphs for each in graph.get_operations() if each.type == "MatMul"}
    return sorted(device.rpartition("device:")[2].lower() for device in devices)


def largest_difference(ours: Any, theirs: Any) -> float:
    return max(float(np.abs(ours[head] - theirs[head]).max()) for head in ("a", "b"))


def replicated(bench: Bench) -> dict[str, Any]:
    """On two devices, and alone on the host."""
    import tensorflow as tf

    placing, servable = bench.place("loop", device=("cpu:1", "cpu:2"))
    _, lone = bench.place("loop", device=("cpu:0",))
    expected = {head: np.concatenate([lone.run(row(n), ["a", "b"])[head] for n in range(5)]) for head in ("a", "b")}
    for replica in servable.each:
        for heads in (["a"], ["b"], ["a", "b"]):
            replica.run(ROWS, heads)
    told: dict[str, Any] = {
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "threads": [
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(),
        ],
        "cores": usable_cores(),
        "repr": repr(servable),
        "variables": [variables(replica) for replica in servable.each],
        "computed_on": [computed_on(replica) for replica in servable.each],
        "differences": [largest_difference(replica.run(ROWS, ["a", "b"]), expected) for replica in servable.each],
        "retraces": servable.retraces,
        "taken": dict(bench.placer.taken()),
        "described": placing.describe(),
    }
    servable.close()
    bench.placer.release(placing)
    return told | {"left": [len(replica._functions) + len(replica._heads) for replica in servable.each]}


def row(number: int) -> dict[str, Any]:
    return {name: tensor[number : number + 1] for name, tensor in ROWS.items()}


def packed(bench: Bench) -> dict[str, Any]:
    """Two that nearly fill a device each, one too many, one that fits nowhere, one that is small."""
    placed = [bench.place(name, device="auto")[0].placement for name in ("large", "large", "large", "huge", "small")]
    return {
        "devices": [each.devices for each in placed if each],
        "why": [each.why for each in placed if each],
        "warnings": [each.warning for each in placed if each],
        "strict": bench.refusal("huge", device="auto", strict=True),
        "named": bench.refusal("huge", device=("cpu:1",), strict=True),
        "missing": bench.refusal("small", device=("gpu:0",)),
    }


def precise(bench: Bench) -> dict[str, float]:
    """How far half precision is from single, on the same weights."""
    _, single = bench.place("small")
    expected = single.run(ROWS, ["a", "b"])
    return {
        precision: largest_difference(bench.place("small", precision=precision)[1].run(ROWS, ["a", "b"]), expected)
        for precision in ("float32", "mixed_float16", "mixed_bfloat16")
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, units in UNITS.items():
            bench.save(name, units)
        told = {"replicated": replicated(bench), "packed": packed(bench), "precise": precise(bench)}
    sys.stdout.write(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY).decode())


if __name__ == "__main__":
    main()
