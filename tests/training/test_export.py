"""From recipe to artifact in the preset smoke: opened again, it gives the golden answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import pytest

from models.artifact import open_artifact, versions
from models.preprocessing import encoder
from models.signature import Input, Padding, Signature, TensorSpec
from tests.training.toy import RECIPE
from training import recipes
from training.batches import pad
from training.export import HELD_OUT, tried
from training.recipe import Data, Goal, Preset, Recipe
from training.run import CHECKPOINTS, NotGoodEnough, Run, train


@pytest.mark.parametrize("name", ["digits", "author_profile"])
def test_an_artifact_describes_itself_and_replays_its_golden_examples(name: str, tmp_path: Path) -> None:
    recipe = recipes.recipe(name)

    artifact = open_artifact(train(recipe, Run("smoke", 0, tmp_path, results=tmp_path / "results")))

    manifest = artifact.manifest
    assert manifest is not None
    assert manifest.model == name
    assert manifest.training["preset"] == "smoke"
    assert manifest.frameworks["keras"] == keras.__version__
    assert set(manifest.signature.head_names) == set(recipe.losses)
    graph = keras.models.load_model(artifact.graph)
    golden = artifact.golden()
    assert golden
    for example in golden:
        inputs = {}
        for declared in manifest.signature.inputs:
            encode = encoder(manifest.preprocessing[declared.name], declared.spec, artifact.folder)
            inputs[declared.name] = pad([encode.encode(example.inputs[declared.name])], declared)
        answers = graph(inputs)
        assert list(example.outputs) == list(manifest.signature.head_names)
        for head, expected in example.outputs.items():
            np.testing.assert_allclose(answers[head][0], np.asarray(expected), rtol=1e-5, atol=1e-5)
    results = json.loads((tmp_path / "results" / f"{name}-smoke.json").read_text())
    assert results["metrics"] == manifest.metrics


def test_every_input_has_an_example_that_can_be_encoded(tmp_path: Path) -> None:
    for name in ("digits", "author_profile"):
        recipe = recipes.recipe(name)
        data = recipe.load(recipe.presets["smoke"], 0, None)
        assert all(each.example is not None and each.description for each in data.signature.inputs)


def test_no_checkpoint_is_left_behind(tmp_path: Path) -> None:
    train(RECIPE, Run("smoke", 0, tmp_path))

    assert not (tmp_path / CHECKPOINTS / "toy").exists()
    assert versions(tmp_path / "toy") == [1]


def test_a_report_stands_beside_the_graph_and_is_no_part_of_the_artifact(tmp_path: Path) -> None:
    version = train(RECIPE, Run("smoke", 0, tmp_path))

    assert (version / "report" / "index.html").stat().st_size > 1_000
    manifest = open_artifact(version).manifest
    assert manifest is not None
    assert "report" not in manifest.digests
    assert all((version / name).is_file() for name in manifest.digests)
    (version / "report" / "index.html").unlink()
    assert open_artifact(version).manifest == manifest


def test_figures_on_real_data_have_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "sums").mkdir()

    train(RECIPE, Run("smoke", 0, tmp_path / "store", folder=tmp_path / "sums", results=tmp_path / "results"))

    assert [path.name for path in (tmp_path / "results").iterdir()] == ["toy-smoke-sums.json"]


def test_rows_that_cannot_be_used_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = ("sums.csv:3: the total is not a number",)

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        return replace(RECIPE.load(preset, seed, folder), problems=problems)

    train(replace(RECIPE, load=load), Run("smoke", 0, tmp_path))

    said = capsys.readouterr().out
    assert "toy: not used: sums.csv:3: the total is not a number" in said
    assert "64 examples to train on, 32 held out, 1 rows not used" in said


def test_data_may_set_goals_of_their_own(tmp_path: Path) -> None:
    goals = (Goal("total", "pearson", margin=-1.0),)

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        return replace(RECIPE.load(preset, seed, folder), goals=goals)

    assert train(replace(RECIPE, load=load), Run("quick", 0, tmp_path)).name == "1"


def test_options_of_the_command_line_reach_the_recipe(tmp_path: Path) -> None:
    seen: list[object] = []

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        seen.append(preset.options["dropout"])
        return RECIPE.load(preset, seed, folder)

    version = train(replace(RECIPE, load=load), Run("smoke", 0, tmp_path, options={"dropout": 0.25}))

    assert seen == [0.25]
    manifest = open_artifact(version).manifest
    assert manifest is not None
    assert manifest.training["option dropout"] == 0.25, "the artifact says what was changed"


def test_what_does_not_beat_its_naive_baseline_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotGoodEnough, match=r"total/mean_absolute_error .* does not beat the naive"):
        train(RECIPE, Run("quick", 0, tmp_path))

    assert versions(tmp_path / "toy") == []
    assert (tmp_path / CHECKPOINTS / "toy" / "report" / "index.html").is_file(), "why it failed can be looked at"
    train(RECIPE, Run("smoke", 0, tmp_path))
    assert "claims no accuracy" in capsys.readouterr().out


def of_any_length(declared: Padding) -> Recipe:
    """The toy with a mean over as many numbers as there are, of which zeros behind them change the answer."""

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        data = RECIPE.load(preset, seed, folder)
        numbers = Input(name="numbers", spec=TensorSpec("float32", (None,)), padding=declared)
        return replace(data, signature=Signature((numbers,), data.signature.heads))

    def build(data: Data, preset: Preset) -> Any:
        numbers = keras.Input((None,), name="numbers")
        mean = keras.ops.mean(numbers, axis=1, keepdims=True)
        heads = {head: keras.layers.Dense(1, name=head)(mean) for head in data.signature.head_names}
        return keras.Model([numbers], heads)

    return replace(RECIPE, load=load, build=build)


def test_what_was_tried_stands_in_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = open_artifact(train(RECIPE, Run("smoke", 0, tmp_path))).manifest

    assert manifest is not None
    assert manifest.evidence is not None
    assert manifest.evidence.neighbours.rows >= 4
    assert manifest.evidence.neighbours.difference <= 1e-5
    assert "warning" not in capsys.readouterr().out


def test_padding_that_does_not_hold_is_told_and_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = open_artifact(train(of_any_length(Padding("pad")), Run("smoke", 0, tmp_path)))

    assert artifact.manifest is not None
    (numbers,) = artifact.manifest.signature.inputs
    assert numbers.padding == Padding("exact")
    assert artifact.manifest.evidence is not None
    seen = artifact.manifest.evidence.padding["numbers"]
    assert seen.head in ("total", "positive")
    said = capsys.readouterr().out
    assert f"toy: warning: input 'numbers' is declared as 'pad', which does not hold: {seen.reason}" in said
    assert "exported as 'exact'" in said


def test_golden_and_held_out_rows_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    data = RECIPE.load(RECIPE.presets["smoke"], 0, None)
    given: list[dict[str, Any]] = []

    def establish(*arguments: Any, **named: Any) -> Any:
        given.extend(arguments[2])

    monkeypatch.setattr("training.export.establish", establish)
    tried(data, RECIPE.build(data, RECIPE.presets["smoke"]))

    assert given[0]["numbers"].tolist() == [1.0, 2.0]
    np.testing.assert_allclose(given[1]["numbers"], np.asarray(data.held_out.inputs["numbers"][0]))
    assert len(given) == 1 + HELD_OUT


def in_months(total: str = "months") -> Recipe:
    """The toy with another unit for one of its heads."""

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        data = RECIPE.load(preset, seed, folder)
        first, second = data.signature.heads
        heads = (msgspec.structs.replace(first, unit=total), second)
        return replace(data, signature=Signature(data.signature.inputs, heads))

    return replace(RECIPE, load=load)


def test_what_a_service_would_refuse_is_told_on_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(RECIPE, Run("smoke", 0, tmp_path))
    train(in_months(), Run("smoke", 0, tmp_path))

    assert (
        "toy: warning: it breaks the contract of version 1, and will be refused:\n"
        "toy: warning:   head 'total': unit was none, is 'months'\n"
        'toy: warning: if that is meant, export it with --breaking "WHY"\n'
    ) in capsys.readouterr().out

    train(in_months(), Run("smoke", 0, tmp_path))
    assert "contract of version 1" in capsys.readouterr().out, "version 2 is refused, and sets no contract"


def test_what_is_announced_stands_in_the_manifest_and_is_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(RECIPE, Run("smoke", 0, tmp_path))
    announced = open_artifact(train(in_months(), Run("smoke", 0, tmp_path, breaking="months are finer"))).manifest
    after = open_artifact(train(in_months(), Run("smoke", 0, tmp_path))).manifest

    assert announced is not None
    assert after is not None
    assert (announced.breaking, after.breaking) == ("months are finer", "")
    assert "warning" not in capsys.readouterr().out
