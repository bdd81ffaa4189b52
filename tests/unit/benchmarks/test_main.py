"""The command: one line, the right exit code, and figures as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks.scenarios import SCENARIOS, Name, Scenario
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options, Verdict

URL = ["--url", "http://127.0.0.1:1"]


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def replace(monkeypatch: pytest.MonkeyPatch, kept: bool | None) -> list[Options]:
    seen: list[Options] = []

    async def scenario(target: Target, options: Options) -> Verdict:
        seen.append(options)
        table = Table("load", title="figures")
        return Verdict("7 of 8 answered", kept, {"shares": {200: 0.875}, "none": float("nan")}, (table,))

    monkeypatch.setitem(SCENARIOS, Name.heads, Scenario(scenario, models=("digits",)))
    return seen


@pytest.mark.parametrize(
    ("kept", "code", "line"),
    [
        (True, 0, "heads: kept: 7 of 8 answered"),
        (False, 1, "heads: BROKEN: 7 of 8 answered"),
        (None, 0, "heads: 7 of 8 answered"),
    ],
)
def test_a_broken_promise_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, kept: bool | None, code: int, line: str
) -> None:
    replace(monkeypatch, kept)
    exited, output = run("heads", *URL)
    assert (exited, output.splitlines()[-1]) == (code, line)
    assert "figures" in output


def test_options_reach_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = replace(monkeypatch, True)
    run("heads", *URL)
    run("heads", *URL, "--model", "book", "--model", "garment", "--count", "5", "--deadline", "0.5", "--seed", "9")
    assert seen == [Options(("digits",)), Options(("book", "garment"), count=5, deadline=0.5, seed=9)]


def test_figures_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, False)
    code, output = run("heads", *URL, "--json")
    expected = {"scenario": "heads", "kept": False, "line": "7 of 8 answered", "shares": {"200": 0.875}, "none": None}
    assert (code, json.loads(output)) == (1, expected)


def test_what_cannot_be_tried_is_not_broken(tmp_path: Path) -> None:
    assert run("poison", *URL)[0] == 2  # nobody is there
    code, output = run("overload", "--store", str(tmp_path))
    assert (code, "no model 'author_profile' in" in output) == (2, True)
    code, output = run("startup", *URL)
    assert (code, "--store, not --url" in output) == (2, True)
    code, output = run("sigterm", *URL)
    assert (code, "give --store" in output) == (2, True)


def test_a_scenario_that_lacks_its_stage_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(target: Target, options: Options) -> Verdict:
        raise NotSeen("8 rows wait: not within 30 seconds")

    monkeypatch.setitem(SCENARIOS, Name.heads, Scenario(scenario))
    code, output = run("heads", *URL)
    assert (code, output) == (2, "heads: not tried: 8 rows wait: not within 30 seconds\n")


def test_every_scenario_has_a_name_and_the_store_lists_models_only(tmp_path: Path) -> None:
    assert set(SCENARIOS) == set(Name)
    for name in ("digits", ".training", "book"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert command.found(tmp_path) == ["book", "digits"]
    assert run("nonsense")[0] == 2
