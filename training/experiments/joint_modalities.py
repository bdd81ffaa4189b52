"""What the joint model of a garment's price knows beyond each of its branches alone (section 7.1).

One graph with three branches, one without the photo, and three with a single branch, each trained alike on the same
items and judged on the same held-out ones; the first also without photos, for which it learnt a null. Says nothing of
real clothes: the items are invented so that each part knows what the others lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.signature import Signature
from training.evaluation import evaluate
from training.experiments.figures import Cell, Figures
from training.fit import fit
from training.recipe import Data, Split
from training.recipes.clothing_price import HELD_OUT_SEED, RECIPE, mirrored

METRIC = "price/mean_absolute_error"
ALL = ("metadata", "description", "photo")
PARTS = (ALL, ("metadata", "description"), ("metadata",), ("description",), ("photo",))


def run(preset: str, seed: int) -> Figures:
    """Trains five models; the smoke preset proves no more than that they train."""
    from training.datasets.second_hand import best_error, items

    size = RECIPE.presets[preset]
    data = RECIPE.load(size, seed, None)
    rows: list[tuple[Cell, ...]] = []
    blind: list[tuple[Cell, ...]] = []
    naive = 0.0
    for names in PARTS:
        part = only(data, names)
        recipe = RECIPE if names == ALL else replace(RECIPE, augment=mirrored)  # a photo alone is never missing
        model = fit(recipe, part, size, seed, label=" + ".join(names))
        metrics = evaluate(recipe, part, model).metrics
        naive = metrics[f"{METRIC}/baseline"]
        rows.append((" + ".join(names), metrics[METRIC], int(model.count_params())))
        if names == ALL:
            blind = [("the first model, without the photo", metrics[f"{METRIC}/photo=left_out"], rows[0][2])]
    rows += blind
    rows.append(("nothing: the median", naive, 0))
    rows.append(("the rule itself", best_error(items(size.held_out, HELD_OUT_SEED + seed)), 0))
    return Figures(
        title="Price of a second-hand garment, from all that is known and from each part alone",
        columns=("inputs", "mean absolute error, EUR", "parameters"),
        rows=rows,
        note="The rule itself is off by the noise that nothing shows. A small photo tells colour, pattern and wear "
        "roughly, so the joint model does not reach it.",
    )


def only(data: Data, names: Sequence[str]) -> Data:
    """The same examples with these inputs alone."""
    signature = data.signature
    return replace(
        data,
        train=part_of(data.train, names),
        held_out=part_of(data.held_out, names),
        signature=Signature(tuple(signature.input(name) for name in names), signature.heads),
        preprocessing={name: data.preprocessing[name] for name in names},
        golden=[{name: example[name] for name in names} for example in data.golden],
    )


def part_of(split: Split, names: Sequence[str]) -> Split:
    return replace(split, inputs={name: split.inputs[name] for name in names})
