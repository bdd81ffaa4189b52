"""The command line: what is trained in which order, and that nothing heavy is loaded when nothing lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from training import __main__ as command
from training import recipes
from training.recipe import Recipe
from training.run import NotGoodEnough, Run

CHECK = """
import sys
import typer
from training.__main__ import main
sys.argv = ["training", "--missing", "--store", sys.argv[1]]
try:
    typer.run(main)
except SystemExit as end:
    assert not end.code, end.code
heavy = {"tensorflow", "keras", "sklearn", "matplotlib", "training.fit"} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_imported_when_nothing_lacks(tmp_path: Path) -> None:
    for name in recipes.NAMES:
        (tmp_path / name / "1").mkdir(parents=True)

    done = subprocess.run([sys.executable, "-c", CHECK, str(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"every model has a version in {tmp_path}\n"


def test_recipes_are_read_without_tensorflow() -> None:
    script = (
        "import sys; from training import recipes\n"
        "for name in recipes.NAMES: assert set(recipes.recipe(name).presets) == {'smoke', 'quick', 'full'}\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_models_come_in_a_fixed_order() -> None:
    assert command.choose(["author_profile", "digits"], every=False) == ["digits", "author_profile"]
    assert command.choose([], every=False) == list(recipes.NAMES)
    assert command.choose(["digits"], every=True) == list(recipes.NAMES)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(typer.BadParameter, match=r"no such model: digit \(there are question_answering, digits"):
        command.choose(["digit"], every=False)


def trained(monkeypatch: pytest.MonkeyPatch, store: Path, failing: str = "") -> list[str]:
    """Replaces training by a note of what would be trained and which model folders stand there."""
    seen: list[str] = []

    def note(recipe: Recipe, run: Run) -> Path:
        name: str = recipe.name
        seen.append(name)
        if name == failing:
            raise NotGoodEnough("not exported")
        return store / name / "1"

    monkeypatch.setattr(command, "train", note)
    return seen


def test_only_what_lacks_is_trained_and_its_folder_is_there_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "digits" / "3").mkdir(parents=True)
    seen = trained(monkeypatch, tmp_path)

    with pytest.raises(typer.Exit) as end:
        command.main(store=tmp_path, missing=True)

    assert end.value.exit_code == 0
    assert seen == [name for name in recipes.NAMES if name != "digits"]
    assert (tmp_path / "author_profile").is_dir()


def test_one_failure_does_not_keep_the_others_from_being_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = trained(monkeypatch, tmp_path, failing="question_answering")

    with pytest.raises(typer.Exit) as end:
        command.main(store=tmp_path)

    assert end.value.exit_code == 1
    assert seen == list(recipes.NAMES)
    assert "question_answering: not exported" in capsys.readouterr().out


def test_architectures_come_only_by_name() -> None:
    assert set(recipes.PRETRAINED).isdisjoint(command.choose([], every=True))
    assert command.choose(["xception"], every=False) == ["xception"]


def test_an_option_has_the_type_that_the_preset_gives_it() -> None:
    assert command.parse_options(["hops=3", "dropout=0.5"], ["question_answering"], "quick") == {
        "hops": 3,
        "dropout": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hops=many", "expected int"),
        ("hop=3", "question_answering has the options variant=default, hops=2"),
        ("hops", "question_answering has the options"),
    ],
)
def test_an_option_that_is_none_is_refused_with_those_there_are(given: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        command.parse_options([given], ["question_answering"], "quick")


def test_weights_are_for_architectures_alone(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="only for xception, inception_v3"):
        command.main(["digits"], store=tmp_path, weights="random")


def test_an_architecture_without_weights_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end:
        command.main(["xception"], store=tmp_path)

    assert end.value.exit_code == 1
    assert "xception: its weights come from a file: --weights FILE" in capsys.readouterr().out
    assert not (tmp_path / "xception").exists(), "the service would take an empty folder for a model in training"


@pytest.mark.parametrize("option", ["store", "results", "tensorboard"])
def test_a_folder_that_cannot_be_one_is_refused_before_anything_is_trained(option: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    folders = {"store": tmp_path / "store", option: tmp_path / "file"}

    with pytest.raises(typer.BadParameter, match="file cannot be a folder"):
        command.main(["digits"], **folders)  # type: ignore[arg-type]


def test_a_reason_to_break_the_contract_reaches_the_export_of_one_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reasons: list[str] = []

    def note(recipe: Recipe, run: Run) -> Path:
        reasons.append(run.breaking)
        return run.store / recipe.name / "1"

    monkeypatch.setattr(command, "train", note)
    for reason in ("the age is in months now", None):
        with pytest.raises(typer.Exit):
            command.main(["digits"], store=tmp_path, breaking=reason)

    assert reasons == ["the age is in months now", ""]


@pytest.mark.parametrize(("models", "reason"), [(["digits", "book"], "why"), ([], "why"), (["digits"], " ")])
def test_a_reason_is_for_one_model_and_says_something(models: list[str], reason: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="a reason, for one model"):
        command.main(models, store=tmp_path, breaking=reason)
