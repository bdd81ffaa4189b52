"""The figures that a recipe's docstring promises are those of the last committed training."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

import pytest

from tests.running import ROOT
from training import recipes

HEADER = re.compile(r"\s*(training/results/\S+\.json)\s+model\s+naive\s*")
ROW = re.compile(r"\s*(?P<metric>[\w]+/\S+)\s+(?P<model>-?[\d.,]+)(\s+(?P<naive>-?[\d.,]+))?\s*")


def promised(docstring: str) -> Iterator[tuple[str, str, str, str]]:
    """File, metric, figure and naive figure of each row of each table."""
    file = ""
    for line in docstring.splitlines():
        if header := HEADER.fullmatch(line):
            file = header[1]
        elif (row := ROW.fullmatch(line)) and file:
            yield file, row["metric"], row["model"], row["naive"] or ""
        else:
            file = ""


def as_printed(value: float, like: str) -> str:
    """The value with as many digits behind the point as `like` has, and without a zero before it if that has none."""
    digits = len(like.partition(".")[2])
    text = f"{value:,.{digits}f}" if "," in like else f"{value:.{digits}f}"
    return re.sub(r"^(-?)0\.", r"\1.", text) if re.match(r"-?\.", like) else text


def docstring(name: str) -> str:
    recipes.recipe(name)
    return sys.modules[f"training.recipes.{name}"].__doc__ or ""


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_recipe_promises_what_its_last_training_reached(name: str) -> None:
    rows = list(promised(docstring(name)))

    assert f"training/results/{name}-quick.json" in {file for file, *_ in rows}
    for file, metric, model, naive in rows:
        metrics = json.loads((ROOT / file).read_text(encoding="utf-8"))["metrics"]
        assert as_printed(metrics[metric], model) == model, f"{file}: {metric}"
        if naive:
            assert as_printed(metrics[f"{metric}/baseline"], naive) == naive, f"{file}: {metric}/baseline"


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_recipe_says_its_command_and_its_cost(name: str) -> None:
    said = docstring(name)

    assert f"python -m training {name}" in said
    assert re.search(r"2 cores", said)
    assert re.search(r"\d+ (s|seconds|minutes|min)\b", said)


def test_a_wrong_digit_is_noticed() -> None:
    table = "    training/results/a-quick.json   model  naive\n    age/pearson   .812   .000\n"

    assert list(promised(table)) == [("training/results/a-quick.json", "age/pearson", ".812", ".000")]
    assert as_printed(0.8124, ".812") == ".812"
    assert as_printed(0.8126, ".812") == ".813"
    assert as_printed(1234.56, "1,234.6") == "1,234.6"
