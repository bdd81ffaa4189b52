"""`python -m benchmarks SCENARIO`: one promise under load, of a service that runs or of one that is started for it.

Exit code 1: the promise is broken. 2: it could not be tried.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer
import uvloop
from rich.console import Console

from benchmarks import ROOT
from benchmarks.scenarios import SCENARIOS, Name, Scenario
from benchmarks.service import TOKEN, NotStarted, fill, service_on
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options, Verdict

BROKEN, UNTRIED = 1, 2
WIDTH = 140
"""Of a table that goes into a file."""
DEFAULT = Options()


def main(
    name: Annotated[Name, typer.Argument(metavar="SCENARIO", help=f"Any of {', '.join(Name)}.")],
    url: Annotated[str | None, typer.Option(help="A service that runs, instead of one started for it.")] = None,
    store: Annotated[Path, typer.Option(help="Where the models are of the service that is started.")] = ROOT / "store",
    model: Annotated[list[str] | None, typer.Option(help="Instead of the scenario's own; may be given again.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Random requests for each model; starts, in `startup`.")
    ] = None,
    callers: Annotated[int, typer.Option(min=1, help="Who ask at once, where that is given.")] = DEFAULT.callers,
    deadline: Annotated[float, typer.Option(min=0.01, help="Seconds a caller under load waits.")] = DEFAULT.deadline,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each load.")] = DEFAULT.seconds,
    rolls: Annotated[int, typer.Option(min=1, help="Times that another version takes over.")] = DEFAULT.rolls,
    seed: Annotated[int, typer.Option(min=0)] = DEFAULT.seed,
    log: Annotated[Path | None, typer.Option(help="A file for the log of the service that is started.")] = None,
    json: Annotated[bool, typer.Option("--json", help="All figures, instead of tables.")] = False,
) -> None:
    """Tries one promise and prints its figure in one line."""
    scenario = SCENARIOS[name]
    options = Options(tuple(model or scenario.models), count or scenario.count, callers, deadline, seconds, rolls, seed)
    try:
        with (
            nullcontext(Target(url, token=os.environ.get(TOKEN)))
            if url
            else started(scenario, options, store, log) as target
        ):
            verdict = uvloop.run(scenario.run(target, options))
    except (NotSeen, NotStarted, OSError, httpx.HTTPError) as error:
        typer.echo(f"{name}: not tried: {error}", err=True)
        raise typer.Exit(UNTRIED) from None
    show(name, verdict, json)
    if verdict.kept is False:
        raise typer.Exit(BROKEN)


def found(store: Path) -> list[str]:
    """The models of the store."""
    return sorted(each.name for each in store.iterdir() if each.is_dir() and not each.name.startswith("."))


@contextmanager
def started(scenario: Scenario, options: Options, models: Path, log: Path | None) -> Iterator[Target]:
    """A service with the models that the scenario wants, some of the store's and some made for it."""
    wanted = options.models or (found(models) if scenario.every else ())
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        store = Path(folder) / "store"
        fill(store, models, set(wanted) - set(scenario.made), scenario.made, scenario.versions)
        if scenario.starts:
            yield Target("", store=store)
            return
        with service_on(store, log or Path(folder) / "log", scenario.settings) as target:
            yield target


def show(name: str, verdict: Verdict, json: bool) -> None:
    if json:
        told = {"scenario": name, "kept": verdict.kept, "line": verdict.line, **verdict.figures}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
        return
    for table in verdict.tables:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
    typer.echo(f"{name}: {verdict}")


if __name__ == "__main__":
    typer.run(main)
