"""The command line without TensorFlow: settings, and sentences instead of tracebacks."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image as Pillow
from typer.testing import CliRunner

from models.preprocessing import Image, Preprocessing, Quantity, Record, Text
from models.signature import Head, Input, Missing, Signature, TensorSpec
from service.cli import app, named_value
from service.runtime.fake import FakeServable
from service.settings import ROOT
from tests.functional.conftest import write_version

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


PREPROCESSING: dict[str, Preprocessing] = {
    "photo": Image(),
    "title": Text("words.json", 2, 9, 99),
    "record": Record((Quantity("age", 0, 9),)),
}


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("photo=@coat.jpg", "/9g="),
        ("title=@title.txt", "Écharpe\n"),
        ("record=@record.json", {"age": 3}),
        ("numbers=@record.json", {"age": 3}),
        ("title=wool", "wool"),
        ("title=a=b", "a=b"),
        ('title="@coat.jpg"', "@coat.jpg"),
        ("numbers=[1, 2]", [1, 2]),
    ],
)
def test_an_input_is_given_as_it_stands_or_from_a_file(given: str, value: object) -> None:
    Path("coat.jpg").write_bytes(b"\xff\xd8")
    Path("title.txt").write_text("Écharpe\n", encoding="utf-8")
    Path("record.json").write_text('{"age": 3}')
    assert named_value(given, PREPROCESSING) == (given.partition("=")[0], value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("photo=@none.jpg", "error: input 'photo': none.jpg: No such file or directory"),
        ("photo=@.", "error: input 'photo': .: Is a directory"),
        ("title=@coat.jpg", "error: input 'title': coat.jpg: 'utf-8' codec can't decode byte 0xff"),
        ("record=@coat.jpg", "error: input 'record': coat.jpg: "),
        ("photo", "error: --input takes name=value, got 'photo'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("coat.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(typer.Exit):
        named_value(given, PREPROCESSING)
    assert capsys.readouterr().err.startswith(said)


def test_a_store_at_a_url_is_fetched_from(monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(Path("store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd()))
    monkeypatch.setattr(
        "service.loading.preparation.load_graph", lambda graph, declared, target: FakeServable(declared)
    )
    url = f"file://{Path('store').resolve()}"
    result = runner.invoke(app, ["inspect", "fake", "--store", url])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["version"] == 1
    assert len(list(Path("manifold").rglob("model.keras"))) == 1
    result = runner.invoke(app, ["inspect", "other", "--store", url])
    assert result.output == f"error: no version of 'other' in {url}\n"
    result = runner.invoke(app, ["inspect", "fake", "--store", "file:///nowhere/at/all"])
    assert result.exit_code == 1
    assert result.output.startswith("error: file:///nowhere/at/all: ")
    monkeypatch.setenv("MANIFOLD_STORE__PATH", url)
    assert url[:40] in runner.invoke(app, ["check-config"]).output


def test_a_cache_that_cannot_be_written_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("taken").write_text("")
    monkeypatch.setenv("MANIFOLD_STORE__CACHE", "taken")
    result = runner.invoke(app, ["serve", "--port", "0", "--store", "memory://models"])
    assert result.exit_code == 1
    assert "error: store.path: [Errno 20] Not a directory: 'taken/memory-" in result.output


def test_a_photo_in_a_file_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature(
        (Input(name="photo", spec=TensorSpec("float32", (4, 4, 3))),),
        (Head(name="price", spec=TensorSpec("float32", (1,)), kind="regression", unit="EUR"),),
    )
    write_version(Path("store"), "coats", signature, {"photo": Image()})
    monkeypatch.setattr(
        "service.loading.preparation.load_graph", lambda graph, declared, target: FakeServable(declared)
    )
    Pillow.new("RGB", (9, 9)).save("coat.png")
    asked = ["predict", "coats", "--store", "store", "--input"]
    result = runner.invoke(app, [*asked, "photo=@coat.png"])
    assert result.exit_code == 0
    assert json.loads(result.output)["outputs"]["price"]["unit"] == "EUR"
    Path("coat.gif").write_bytes(b"GIF89a")
    result = runner.invoke(app, [*asked, "photo=@coat.gif"])
    assert result.exit_code == 1
    assert result.output == "error: input 'photo': expected a PNG, JPEG or WebP photo, got a GIF\n"
    result = runner.invoke(app, [*asked, "foto=@coat.png"])
    assert result.output == "error: there is no input 'foto'; there are photo\n"


def test_an_optional_input_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature(
        (
            Input(name="photo", spec=TensorSpec("float32", (4, 4, 3)), missing=Missing("learnt_null", -1)),
            Input(name="weight", spec=TensorSpec("float32", ()), missing=Missing("default", 2)),
        ),
        (Head(name="price", spec=TensorSpec("float32", (1,)), kind="regression", unit="EUR"),),
    )
    write_version(Path("store"), "coats", signature, {"photo": Image()})
    monkeypatch.setattr(
        "service.loading.preparation.load_graph", lambda graph, declared, target: FakeServable(declared)
    )
    asked = ["predict", "coats", "--store", "store"]
    told = json.loads(runner.invoke(app, asked).output)
    assert list(told) == ["model", "version", "outputs", "filled_in"]
    assert told["filled_in"] == [
        {"input": "photo", "policy": "learnt_null"},
        {"input": "weight", "policy": "default"},
    ]
    told = json.loads(runner.invoke(app, [*asked, "--input", "weight=3", "--input", "photo=null"]).output)
    assert told["filled_in"] == [{"input": "photo", "policy": "learnt_null"}]
    told = json.loads(runner.invoke(app, [*asked, "--input", "weight=3", "--input", "photo=[[[1, 2, 3]]]"]).output)
    assert "filled_in" not in told


def test_an_input_that_must_be_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write_version(Path("store"))
    monkeypatch.setattr(
        "service.loading.preparation.load_graph", lambda graph, declared, target: FakeServable(declared)
    )
    result = runner.invoke(app, ["predict", "fake", "--store", "store", "--input", "text=[1]"])
    assert result.exit_code == 1
    assert result.output.startswith("error: input 'series': expected float32 numbers of shape [any]")


def test_a_taken_port_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = runner.invoke(app, ["serve", "--port", str(port), "--store", "."])
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.output


def test_the_service_imports_without_tensorflow_and_without_fsspec() -> None:
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'fsspec'): sys.modules[name] = None\n"
        "import service.store.remote\n"
        "import service.app, service.server, service.cli\n"
        "import service.loading.loader, service.loading.preparation, service.runtime.fake\n"
        "assert not any(name.startswith(('training', 'models.zoo')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, check=True)
