"""Imports Keras on TensorFlow without its greetings, and fixes everything random. Knows no recipe."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from typing import Any

from models.hardware import made_on


def import_keras() -> Any:
    """Keras with TensorFlow beneath it, imported on the first call (3 to 6 seconds)."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "keras" in sys.modules:
        return sys.modules["keras"]
    with hushed():
        return import_module("keras")


@contextmanager
def hushed() -> Iterator[None]:
    """Nothing on standard error: TensorFlow greets from C++, before any level of logging can be set."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def make_reproducible(seed: int, ordered: bool = True) -> None:
    """Same seed, same machine, same numbers: Python, NumPy and TensorFlow seeded, unordered sums forbidden.

    Keras compiles nothing while they are; what is to be compiled asks for `ordered=False`.
    """
    keras = import_keras()
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    if ordered:
        import_module("tensorflow").config.experimental.enable_op_determinism()


def made_with() -> dict[str, str]:
    """What golden answers are made with, for the manifest: the frameworks, the device and its precision."""
    import_keras()
    config = import_module("tensorflow").config
    details = [config.experimental.get_device_details(each) for each in config.list_physical_devices("GPU")]
    accelerators = [str(each.get("device_name", "GPU")) for each in details]
    return versions() | made_on(accelerators, config.experimental.tensor_float_32_execution_enabled())


def versions() -> dict[str, str]:
    """What trained a model, for its manifest."""
    found = {"python": platform.python_version()}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "tokenizers"):
        try:
            found[name.removesuffix("-cpu")] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
