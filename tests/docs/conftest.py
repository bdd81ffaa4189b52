"""The models of the preset `smoke`, trained once, and the real service on them, for everything the pages show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING_SECONDS = 600
WARM_SECONDS = 120
OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def environment(**more: str) -> dict[str, str]:
    """This process's, without what `make test` and the caller's own settings put there."""
    kept = {key: value for key, value in os.environ.items() if key not in OF_MAKE and not key.startswith("MANIFOLD_")}
    return kept | more


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("smoke") / "store"
    command = [sys.executable, "-m", "training", "--all", "--preset", "smoke", "--store", str(store)]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=TRAINING_SECONDS)
    return store


@pytest.fixture(scope="session")
def checkout(smoke_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which a documented command runs as it stands: `.venv` is this Python's environment,
    `store` has the smoke models."""
    copy = tmp_path_factory.mktemp("docs") / "manifold"
    left_out = shutil.ignore_patterns(".git", ".venv", "store", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=lambda at, names: left_out(at, names) if Path(at) == ROOT else {"__pycache__"})
    shutil.copytree(smoke_store, copy / "store")
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@pytest.fixture(scope="session")
def address(smoke_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:PORT` of a service with every smoke model warm."""
    command = [sys.executable, "-m", "service", "serve", "--store", str(smoke_store), "--port", "0"]
    log = tmp_path_factory.mktemp("service") / "log"
    with log.open("w") as errors:
        service = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert service.stdout is not None
    try:
        found = next(filter(None, (re.search(r"http://([\d.]+:\d+)", line) for line in service.stdout)), None)
        assert found, log.read_text()
        draining = threading.Thread(target=service.stdout.read, daemon=True)
        draining.start()
        wait_until_warm(f"http://{found[1]}", {each.name for each in smoke_store.iterdir() if each.name[0] != "."})
        yield found[1]
    finally:
        service.terminate()
        code = service.wait(60)
        draining.join()
        service.stdout.close()
    assert code == 0, log.read_text()


def wait_until_warm(base: str, models: set[str]) -> None:
    deadline = time.monotonic() + WARM_SECONDS
    told: dict[str, object] = {}
    while time.monotonic() < deadline:
        answer = httpx.get(f"{base}/readyz")
        told = answer.json()
        if answer.status_code == 200 and models <= {*answer.json()["models"]}:
            return
        time.sleep(0.2)
    pytest.fail(f"not warm after {WARM_SECONDS} s: {told}")


CURL = """#!{python}
# Stands in for curl where there is none: what the pages use of it, on httpx.
import argparse, sys, httpx
parser = argparse.ArgumentParser()
for flags in (["-s", "--silent"], ["-f", "--fail"], ["-S", "--show-error"], ["-i", "--include"]):
    parser.add_argument(*flags, action="store_true")
parser.add_argument("-X", "--request")
parser.add_argument("-H", "--header", action="append", default=[])
parser.add_argument("-d", "--data", "--json")
parser.add_argument("url")
given = parser.parse_args()
method = given.request or ("POST" if given.data is not None else "GET")
headers = dict(line.split(": ", 1) for line in given.header)
url = given.url if "://" in given.url else "http://" + given.url
answer = httpx.request(method, url, content=given.data, headers=headers, timeout=60)
if given.include:
    print(answer.http_version, answer.status_code, *map(": ".join, answer.headers.items()), "", sep="\\n")
print(answer.text, end="")
sys.exit(22 if given.fail and answer.is_error else 0)
"""


@pytest.fixture(scope="session")
def shell(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a documented command."""
    if shutil.which("curl"):
        return environment()
    folder = tmp_path_factory.mktemp("bin")
    (folder / "curl").write_text(CURL.format(python=sys.executable))
    (folder / "curl").chmod(0o755)
    return environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
