"""Experiments that show what the chapter claims, by name in its order. Imports one only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
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
    return cast("Callable[[str, int], Figures]", module(name).run)


def plot(name: str) -> Callable[[Path, int], None] | None:
    """`plot(path, seed)` of that experiment, for those that say more in a picture. Raises KeyError."""
    return cast("Callable[[Path, int], None] | None", getattr(module(name), "plot", None))


def module(name: str) -> ModuleType:
    if name not in NAMES:
        raise KeyError(name)
    return import_module(f"training.experiments.{name}")
