"""The command line without TensorFlow: settings, and sentences instead of tracebacks."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.settings import ROOT

runner = CliRunner(env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_check_config_says_what_is_in_force_and_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("manifold.toml").write_text("[batching]\nmax_batch_size = 8\n")
    monkeypatch.setenv("MANIFOLD_SERVER__PORT", "9000")
    result = runner.invoke(app, ["check-config"])
    assert result.exit_code == 0
    lines = {line.split()[1]: line for line in result.output.splitlines() if line.startswith("│")}
    assert "9000" in lines["server.port"]
    assert "environment" in lines["server.port"]
    assert "manifold.toml" in lines["batching.max_batch_size"]
    assert "default" in lines["log.level"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check-config", "--config", "none.toml"], "none.toml: no such file"),
        (["predict", "digits", "--input", "pixels=1", "--store", "."], "no version of 'digits' in ."),
        (["inspect", "digits", "--store", "."], "no version of 'digits' in ."),
        (["serve", "--port", "70000"], "server.port: input should be less than or equal to 65535"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: list[str], said: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("error: ")
    assert said in result.output


def test_a_version_that_is_not_there_is_named() -> None:
    Path("digits/3").mkdir(parents=True)
    result = runner.invoke(app, ["inspect", "digits", "--version", "1", "--store", "."])
    assert "'digits' has no version 1; there are 3" in result.output


def test_a_damaged_artifact_is_named() -> None:
    Path("digits/3").mkdir(parents=True)
    Path("digits/3/manifest.json").write_text("{}")
    result = runner.invoke(app, ["inspect", "digits", "--store", "."])
    assert result.exit_code == 1
    assert "manifest.json: Object missing required field" in result.output


def test_a_taken_port_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = runner.invoke(app, ["serve", "--port", str(port), "--store", "."])
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.output


def test_the_service_imports_without_tensorflow() -> None:
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras'): sys.modules[name] = None\n"
        "import service.app, service.server, service.cli, service.loader, service.runtime.fake\n"
        "assert not any(name.startswith(('training', 'models.zoo')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, check=True)
