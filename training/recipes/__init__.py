"""The recipes by name, in the order in which they are trained. Imports one only when it is asked for."""

from __future__ import annotations

from importlib import import_module

from training.recipe import Recipe

NAMES = ("question_answering", "digits", "author_profile")


def recipe(name: str) -> Recipe:
    """The recipe of that name: `RECIPE` in `training/recipes/<name>.py`. Raises KeyError."""
    if name not in NAMES:
        raise KeyError(name)
    found = import_module(f"training.recipes.{name}").RECIPE
    assert isinstance(found, Recipe)
    return found
