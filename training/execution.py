"""How a training uses the machine: precision, XLA, distribution and logs. Knows no recipe and no data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from training.frameworks import import_keras


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What the command line's flags ask for; the default is what a recipe's figures were measured with."""

    mixed_precision: bool = False
    xla: bool = False
    """Compiled; then sums are unordered, and two runs with one seed differ in the last digits."""
    strategy: Literal["none", "mirrored"] = "none"
    tensorboard: Path | None = None
    """A folder for TensorBoard's logs."""


PLAIN = Execution()


@contextmanager
def precision(execution: Execution) -> Iterator[None]:
    """Layers made inside compute in 16 bits and keep float32 weights: float16 on a GPU, bfloat16 elsewhere."""
    keras = import_keras()
    before = keras.config.dtype_policy()
    if execution.mixed_precision:
        import tensorflow as tf

        kind = "float16" if tf.config.list_physical_devices("GPU") else "bfloat16"
        keras.config.set_dtype_policy(f"mixed_{kind}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def distributed(execution: Execution) -> AbstractContextManager[Any]:
    """The scope in which a model is built so that every device of this machine gets a copy, and a share of a batch."""
    if execution.strategy == "none":
        return nullcontext()
    import tensorflow as tf

    return tf.distribute.MirroredStrategy().scope()  # type: ignore[no-any-return]


def replicas() -> int:
    """Copies of the model in the scope that is open now: each takes an equal share of every batch."""
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def tensorboard(execution: Execution, name: str) -> list[Any]:
    """The callback that writes logs below `<folder>/<name>`, or none. Raises RuntimeError where it is not installed."""
    if execution.tensorboard is None:
        return []
    if find_spec("tensorboard") is None:
        raise RuntimeError("--tensorboard needs the package tensorboard, the extra of that name")
    # The graph is in the report; TensorBoard's own way of drawing it needs programs that are not here.
    return [import_keras().callbacks.TensorBoard(execution.tensorboard / name, write_graph=False)]
