"""Placement with the real runtime, on a CPU that is split into three devices."""

import subprocess
import sys
from typing import Any

import orjson
import pytest

from tests.running import ROOT, environment


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.integration.logical_devices"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])  # before it come the warnings
    return found


def test_each_replica_has_its_variables_and_its_work_on_its_device(told: dict[str, Any]) -> None:
    replicated = told["replicated"]
    assert replicated["repr"] == "<Replicas [2]>"
    assert replicated["variables"] == replicated["computed_on"] == [["cpu:1"], ["cpu:2"]]


def test_every_replica_answers_as_one_alone(told: dict[str, Any]) -> None:
    assert len(told["replicated"]["differences"]) == 2
    assert max(told["replicated"]["differences"]) <= 1e-5


def test_no_replica_traces_once_it_is_warm(told: dict[str, Any]) -> None:
    assert told["replicated"]["retraces"] == 0


def test_closing_lets_go_of_every_replica(told: dict[str, Any]) -> None:
    assert told["replicated"]["left"] == [0, 0]


def test_where_it_runs_and_why_is_told_with_its_bytes(told: dict[str, Any]) -> None:
    described, weights = told["replicated"]["described"], 4 * (10 * 4 + 144 + 64 + 36 + 10 + 5)
    assert (described["device"], described["why"]) == (["cpu:1", "cpu:2"], "runtime.device names them")
    assert described["weights_bytes"] == weights
    assert described["bytes"] == weights + described["batch_bytes"]
    # At least the embedded text of 8 rows of 16 tokens, and less than if nothing were ever given back.
    assert 8 * 16 * 4 * 4 <= described["batch_bytes"] < 20_000


def test_auto_packs_by_bytes_and_spills_with_a_warning(told: dict[str, Any]) -> None:
    packed = told["packed"]
    assert packed["devices"] == [["cpu:1"], ["cpu:2"], ["cpu:0"], ["cpu:0"], ["cpu:1"]]
    assert packed["warnings"] == [False, False, True, True, False]
    assert packed["why"][2].startswith("auto: no room on another device: 0.7 MiB needed, free are cpu:1: 0.3 MiB")


def test_strict_refuses_what_auto_would_spill(told: dict[str, Any]) -> None:
    assert told["packed"]["strict"].startswith("no room on any device, and runtime.strict is set: 2.")
    assert told["packed"]["named"].startswith("no room where runtime.device wants it, and runtime.strict is set")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(told: dict[str, Any]) -> None:
    assert told["packed"]["missing"] == "runtime.device: there is no device 'gpu:0'; there are cpu:0, cpu:1, cpu:2"


def test_half_precision_computes_in_halves_and_answers_nearly_the_same(told: dict[str, Any]) -> None:
    precise = told["precise"]
    assert precise["float32"] <= 1e-6
    assert 1e-6 < precise["mixed_float16"] < 0.005
    assert precise["mixed_float16"] < precise["mixed_bfloat16"] < 0.05


def test_the_runtime_is_set_up_before_it_computes(told: dict[str, Any]) -> None:
    replicated = told["replicated"]
    assert replicated["tf32"] is False
    assert replicated["threads"] == [replicated["cores"]] * 2
