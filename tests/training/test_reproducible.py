"""Same seed, same figures; another seed, others."""

from __future__ import annotations

from tests.training.toy import PRESET, RECIPE
from training import recipes
from training.evaluation import evaluate
from training.fit import fit
from training.recipe import Recipe


def figures(recipe: Recipe, seed: int, preset: str = "smoke") -> dict[str, float]:
    size = recipe.presets[preset]
    data = recipe.load(size, seed, None)
    return dict(evaluate(recipe, data, fit(recipe, data, size, seed)).metrics)


def test_dropout_and_all_the_same_seed_gives_the_same_figures() -> None:
    assert PRESET.epochs > 1
    assert figures(RECIPE, 5) == figures(RECIPE, 5)
    assert figures(RECIPE, 5) != figures(RECIPE, 6)


def test_a_training_before_it_changes_nothing() -> None:
    recipe = recipes.recipe("author_profile")
    first = figures(recipe, 5)
    figures(RECIPE, 1)

    assert figures(recipe, 5) == first


def test_digits_reach_the_figure_that_the_recipe_claims() -> None:
    for seed in range(3):
        assert figures(recipes.recipe("digits"), seed, "quick")["digit/accuracy"] >= 0.95
