"""The experiments that show a fact rather than a tendency: with the preset smoke the figures are exact already."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from training.experiments import __main__ as command
from training.experiments import experiment


def rows(name: str) -> dict[str, tuple[Any, ...]]:
    return {str(row[0]): row[1:] for row in experiment(name)("smoke", 0).rows}


def test_a_stack_and_its_graph_are_one_network() -> None:
    found = rows("twins")

    assert found["parameters"] == (3_466, 3_466, 0)
    for what, (sequential, functional, difference) in found.items():
        assert sequential == pytest.approx(functional, rel=1e-5), what
        assert difference == pytest.approx(0, abs=1e-5), what


def test_lists_in_order_and_names_train_alike() -> None:
    found = rows("feeding")

    assert found["inputs by list"][1] < 1e-6
    assert found["targets by list"][1] < 1e-6
    assert found["inputs by list in the wrong order"][1] > 1e-3
    assert found["targets by list in the wrong order"][1] > 1e-3
    assert found["inputs by name, to inputs without names"][0].startswith("refused: Missing data for input")


def test_what_does_not_hang_together_is_refused_and_nothing_is_a_cycle() -> None:
    outcomes = {(attempt, who): outcome for attempt, who, outcome in experiment("disconnected")("smoke", 0).rows}

    assert re.match("ValueError: .*not connected", str(outcomes["a head of unrelated tensors", "Keras"]))
    assert "depends on 'pixels'" in str(outcomes["a head of unrelated tensors", "connected_model"])
    assert outcomes["an input that no head uses", "Keras"] == "accepted"
    assert "depends on 'unrelated'" in str(outcomes["an input that no head uses", "connected_model"])
    assert outcomes["calls that use a tensor made later", "Keras"] == "0 of 4"
    assert outcomes["an LSTM over 20 steps", "Keras"] == "1 call in the graph"


def test_a_pointwise_convolution_is_dense_and_factoring_saves_parameters() -> None:
    figures = experiment("pointwise")("smoke", 0)
    found = {str(row[0]): row[1:] for row in figures.rows}

    assert found["1×1 convolution"] == found["Dense on each pixel"] == (16_512, 16_384, 1)
    assert found["3×3 convolution: both at once"] == (147_584, 147_456, 9)
    assert found["depthwise separable: 3×3 on each channel, then 1×1"] == (17_664, 17_536, 9)
    differences = [float(each) for each in re.findall(r"are (\S+), (\S+), (\S+)\.$", figures.note)[0]]
    assert max(differences) < 1e-4


def test_a_called_model_keeps_one_set_of_weights() -> None:
    for call, (inner, outer, difference) in rows("model_as_layer").items():
        assert inner == outer, call
        assert difference < 1e-4, call


@pytest.mark.slow
def test_the_two_architectures_have_the_chapters_parameters() -> None:
    found = rows("architectures")

    assert found["parameters"][:2] == (22_910_480, 23_851_784)
    assert found["layers with a kernel"][:2] == (41, 95)
    assert all(row[2] == pytest.approx(row[0] / row[1]) for row in found.values())


@pytest.mark.slow
def test_an_open_carry_track_lets_the_gradient_through() -> None:
    found: dict[tuple[Any, Any], list[Any]] = {}
    for name, steps, *figures in experiment("carry")("smoke", 0).rows:
        found[name, steps] = figures

    assert found["SimpleRNN", 10][0] < found["SimpleRNN", 5][0] < 1
    assert found["LSTM, forget bias 5", 10][0] > 2 * found["LSTM, forget bias 1", 10][0]


@pytest.mark.slow
def test_shares_of_the_losses_add_up_and_every_head_has_its_figures() -> None:
    found = rows("loss_weights")

    for what in ("loss", "gradient"):
        parts = [row for name, row in found.items() if name.endswith(f"in the {what} at the start")]
        assert [sum(each[side] for each in parts) for side in (1, 2)] == pytest.approx([1, 1])
    bare = found["share of age in the loss at the start"]
    assert bare[2] > 0.6 > bare[1], "without weights the squared years are most of the loss"
    assert {"age/mean_absolute_error", "income/accuracy", "gender/accuracy"} <= found.keys()


def test_the_command_prints_the_table_and_keeps_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(names=["disconnected"], preset=command.PresetName.smoke, results=tmp_path)

    assert "What the functional API refuses" in capsys.readouterr().out
    saved = json.loads((tmp_path / "disconnected-smoke.json").read_text())
    assert saved["columns"] == ["attempt", "who", "outcome"]
