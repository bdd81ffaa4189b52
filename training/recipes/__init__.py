"""The recipes by name, in the order in which they are trained. Imports one only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from training.recipe import Recipe

if TYPE_CHECKING:
    from training.pretrained import Pretrained

NAMES = (
    "question_answering",
    "digits",
    "author_profile",
    "book",
    "sentence_similarity",
    "garment",
    "clothing_price",
    "garment_residual",
    "stereo_depth",
)
PRETRAINED = ("xception", "inception_v3")
"""Architectures whose weights come from a file: nothing here trains them."""


def recipe(name: str) -> Recipe:
    """The recipe of that name: `RECIPE` in `training/recipes/<name>.py`. Raises KeyError."""
    if name not in NAMES:
        raise KeyError(name)
    found = import_module(f"training.recipes.{name}").RECIPE
    assert isinstance(found, Recipe)
    return found


def pretrained(name: str) -> Pretrained:
    """The architecture of that name: `PRETRAINED` in `training/recipes/<name>.py`. Raises KeyError."""
    if name not in PRETRAINED:
        raise KeyError(name)
    found: Pretrained = import_module(f"training.recipes.{name}").PRETRAINED
    return found
