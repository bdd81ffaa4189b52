"""The devices of this machine as TensorFlow sees them: set up once, before it computes anything, then asked.

Device names are short and in small letters: `cpu:0`, `gpu:1`. The lines for GPUs follow TensorFlow's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.client import device_lib

from service.runtime.placement import Device

MIB = 2**20


@dataclass(frozen=True)
class Hardware:
    """`memory_limit` in bytes for each device but the host; threads None as many as TensorFlow likes."""

    memory_limit: int | None = None
    logical_devices: int = 1
    inter_op_threads: int | None = None
    intra_op_threads: int | None = None


def set_up(hardware: Hardware) -> None:
    """Raises RuntimeError when TensorFlow has computed something before."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if hardware.inter_op_threads is not None:
        tf.config.threading.set_inter_op_parallelism_threads(hardware.inter_op_threads)
    if hardware.intra_op_threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(hardware.intra_op_threads)
    if hardware.logical_devices > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * hardware.logical_devices
        tf.config.set_logical_device_configuration(cpu, parts)
    for gpu in tf.config.list_physical_devices("GPU"):
        set_up_gpu(gpu, hardware.memory_limit)


def set_up_gpu(gpu: Any, limit: int | None) -> None:
    """Memory is taken as it is needed, or all of the limit at once: TensorFlow does not allow both."""
    if limit is None:
        tf.config.experimental.set_memory_growth(gpu, True)
    else:
        part = tf.config.LogicalDeviceConfiguration(memory_limit=limit // MIB)
        tf.config.set_logical_device_configuration(gpu, [part])


def devices(limit: int | None) -> tuple[Device, ...]:
    """The host's first, which has no limit."""
    names = [each.name.removeprefix("/device:").lower() for each in tf.config.list_logical_devices()]
    there = sorted(name for name in names if name.startswith(("cpu:", "gpu:")))
    totals = totals_of_gpus() if limit is None and any(name.startswith("gpu:") for name in there) else {}
    return tuple(Device(name, None if name == "cpu:0" else limit or totals.get(name)) for name in there)


def totals_of_gpus() -> dict[str, int]:
    """What TensorFlow may take of each."""
    growing = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
    told = device_lib.list_local_devices(growing)
    return {each.name.removeprefix("/device:").lower(): int(each.memory_limit) for each in told}


def in_use(device: str) -> tuple[int, int] | None:
    """Bytes now, and at the worst moment since `forget_peak`; None where TensorFlow does not count them."""
    if not device.startswith("gpu:"):
        return None
    told = tf.config.experimental.get_memory_info(device.upper())
    return int(told["current"]), int(told["peak"])


def forget_peak(device: str) -> None:
    if device.startswith("gpu:"):
        tf.config.experimental.reset_memory_stats(device.upper())
