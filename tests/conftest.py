"""What all tests share."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, environment

TRAINING_SECONDS = 600


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every default model as the preset `smoke` makes it: structure right, accuracy not claimed. Read only."""
    store = tmp_path_factory.mktemp("smoke") / "store"
    command = [sys.executable, "-m", "training", "--all", "--preset", "smoke", "--store", str(store)]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=TRAINING_SECONDS)
    return store
