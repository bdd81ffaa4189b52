"""The models of the preset `smoke`, trained once, and the real service on them, for everything the pages show."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, Service, environment


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
    with Service(smoke_store, tmp_path_factory.mktemp("service") / "log") as service:
        service.wait_until_warm()
        yield service.address.removeprefix("http://")
    assert service.process.returncode == 0, service.log.read_text()


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
