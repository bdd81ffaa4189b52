"""What decides, beside its graph, how a model answers on this machine and how fast."""

from __future__ import annotations

import os
from functools import cache

import keras
import tensorflow as tf

from models.hardware import processor
from service.threads import usable_cores

VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "TF_DETERMINISTIC_OPS", "OMP_NUM_THREADS", "NVIDIA_TF32_OVERRIDE")
"""Of the environment, that change what TensorFlow computes with."""


@cache
def environment() -> dict[str, str]:
    """By name, for a key: versions, devices, threads, and what TensorFlow was told."""
    devices = [tf.config.experimental.get_device_details(each) for each in tf.config.list_physical_devices("GPU")]
    told = {name: value for name in VARIABLES if (value := os.environ.get(name))}
    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "processor": processor(),
        "cores": str(usable_cores()),
        "gpus": ", ".join(str(each.get("device_name", "?")) for each in devices),
        "tf32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
        "threads": f"{tf.config.threading.get_intra_op_parallelism_threads()} in an operation, "
        f"{tf.config.threading.get_inter_op_parallelism_threads()} beside one another; 0 is TensorFlow's choice",
        **told,
    }
