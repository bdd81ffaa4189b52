"""Every code block of README.md and docs/ is run, on models of the preset `smoke`, or says what it needs.

Changed on the way: the service's address, `--preset quick` and `full` to `smoke`. An answer is compared in shape, since
smoke models claim no accuracy. `make` is not run from within `make test`: that its target exists is a test of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service import settings
from tests.docs.blocks import Block, blocks_of, commands
from tests.docs.shapes import differences

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks_of(page, ROOT)]
SHELL = ("bash", "sh")
COMMAND_SECONDS = 300


def is_make(command: str) -> bool:
    return command.split()[0] == "make"


def needs(block: Block) -> list[pytest.MarkDecorator]:
    return [pytest.mark.skip(reason=f"needs {block.needs}")] if block.needs else []


def parameters(languages: tuple[str, ...], wanted: Callable[[Block], bool] = lambda block: True) -> list[object]:
    chosen = [block for block in BLOCKS if block.language in languages and wanted(block)]
    return [pytest.param(block, id=block.name, marks=needs(block)) for block in chosen]


def make_commands() -> Iterator[object]:
    for block in BLOCKS:
        if block.language in SHELL and not block.needs:
            for command in filter(is_make, commands(block.content)):
                yield pytest.param(command, id=f"{block.page}:{block.line}:{command.split('#')[0].strip()}")


def run(script: str, address: str, checkout: Path, shell: dict[str, str]) -> str:
    """What the commands print; fails with it when one of them does."""
    here = re.sub(r"(127\.0\.0\.1|localhost):8000", address, script)
    here = re.sub(r"--preset (quick|full)", "--preset smoke", here)
    done = subprocess.run(
        ["sh", "-eu", "-c", here], cwd=checkout, env=shell, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    assert done.returncode == 0, f"{here}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("block", parameters(SHELL, lambda block: not all(map(is_make, commands(block.content)))))
def test_commands_run(block: Block, address: str, checkout: Path, shell: dict[str, str]) -> None:
    runnable = [command for command in commands(block.content) if not is_make(command)]
    printed = run("\n".join(runnable), address, checkout, shell)
    following = BLOCKS[(BLOCKS.index(block) + 1) % len(BLOCKS)]
    if following.language != "json":  # else the next test looks at the answer
        assert not printed.startswith('{"error"'), printed


@pytest.mark.parametrize("command", list(make_commands()))
def test_make_target_exists_and_is_not_run_from_within_the_tests(command: str) -> None:
    plan = ["make", "-n", *command.split("#")[0].split()[1:]]
    done = subprocess.run(plan, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", parameters(("json",)))
def test_answer_has_the_documented_shape(block: Block, address: str, checkout: Path, shell: dict[str, str]) -> None:
    before = BLOCKS[BLOCKS.index(block) - 1]
    assert before.page == block.page, f"{block.name}: no command above it"
    assert before.language in SHELL, f"{block.name}: no command above it"
    real = json.loads(run(before.content, address, checkout, shell))
    assert not differences(json.loads(block.content), real)


@pytest.mark.parametrize("block", parameters(("toml",)))
def test_settings_are_accepted(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "manifold.toml"
    file.write_text(block.content)
    settings.load(config=file)


@pytest.mark.parametrize("block", parameters(("text tree",)))
def test_tree_shows_what_is_there(block: Block) -> None:
    shown = {line.split()[0].rstrip("/") for line in block.content.splitlines() if line[:1].strip()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    folders = {path.split("/")[0] for path in listed if "/" in path and not path.startswith(".")}
    assert [path for path in shown if not (ROOT / path).exists()] == []
    assert folders <= shown


LAYERS = {"text layers": "service", "text layers of loading": "service.loading"}


@pytest.mark.parametrize("block", parameters(tuple(LAYERS)))
def test_layers_are_those_that_are_checked(block: Block) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    container = LAYERS[block.language]
    layers = next(each["layers"] for each in contracts if each.get("containers") == [container])
    assert [line.split("  ")[0].strip() for line in block.content.splitlines()] == layers


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_every_block_is_of_a_kind_that_is_run_or_checked(block: Block) -> None:
    kinds = {*SHELL, *LAYERS, "json", "toml", "text tree"}
    assert block.needs or block.language in kinds, f"{block.name}: nothing runs it; say what it needs above it"
