"""Experiments that show what the chapter claims, by name in its order. Imports one only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from training.experiments.figures import Figures

NAMES = (
    "joint_modalities",
    "joint_heads",
    "twins",
    "disconnected",
    "feeding",
    "loss_weights",
    "inception",
    "pointwise",
    "architectures",
    "depth",
    "bottleneck",
    "carry",
    "sharing",
    "symmetry",
    "model_as_layer",
)


def experiment(name: str) -> Callable[[str, int], Figures]:
    """`run(preset, seed)` of that experiment: `training/experiments/<name>.py`. Raises KeyError."""
    if name not in NAMES:
        raise KeyError(name)
    return cast("Callable[[str, int], Figures]", import_module(f"training.experiments.{name}").run)
