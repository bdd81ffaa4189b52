"""The experiment joint_heads: it compares like with like, and says how far runs differ. Nothing is trained here."""

from __future__ import annotations

from training.experiments.joint_heads import only, sized, summed_up, with_head
from training.recipes.book import RECIPE

SMOKE = RECIPE.presets["smoke"]


def test_few_passages_are_seen_more_often() -> None:
    few, many = (sized(RECIPE.presets["quick"], examples, 300) for examples in (300, 6_000))
    assert (few.examples, few.epochs) == (300, 64)
    assert (many.examples, many.epochs) == (6_000, RECIPE.presets["quick"].epochs)


def test_one_head_alone_keeps_everything_else() -> None:
    data = RECIPE.load(SMOKE, 0, None)
    for head in ("genre", "year"):
        alone, recipe = only(data, head), with_head(RECIPE, head)
        assert alone.signature.head_names == tuple(alone.train.targets) == tuple(alone.held_out.targets) == (head,)
        assert alone.train.inputs == data.train.inputs
        assert tuple(recipe.losses) == tuple(recipe.loss_weights) == tuple(recipe.metrics) == (head,)
        assert {goal.head for goal in recipe.goals} == {head}
        assert recipe.optimizer is RECIPE.optimizer


def test_runs_are_summed_up_by_figure() -> None:
    runs = [
        ({"genre/accuracy": joint, "genre/accuracy/baseline": 0.2, "parameters": 10.0},
         {"genre/accuracy": 0.5, "genre/accuracy/baseline": 0.2, "parameters": 18.0})
        for joint in (0.6, 0.4)
    ]  # fmt: skip
    assert summed_up(runs) == {
        "genre/accuracy": (0.2, 0.5, 0.5, "-0.1 to +0.1"),
        "parameters": ("", 10, 18, "-8"),
    }
