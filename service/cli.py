"""The command line: serve, inspect, predict, check-config."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from models.artifact import InvalidArtifact, versions
from models.preprocessing import Image, Preprocessing, Text
from service import settings as configuration
from service.errors import ServiceError
from service.loading.memory import NotEnoughMemory
from service.settings import Settings
from service.store.scanner import has_graph

if TYPE_CHECKING:
    from service.loading.preparation import Prepared

app = typer.Typer(
    help="Serves Keras models with many inputs and many outputs.", no_args_is_help=True, add_completion=False
)

StoreOption = Annotated[str | None, typer.Option(help="Folder of <model>/<version>/, or its URL; by default store/")]
ConfigOption = Annotated[Path | None, typer.Option(help="A TOML file of settings; by default manifold.toml")]
Model = Annotated[str, typer.Argument(help="A model of the store")]
Version = Annotated[int | None, typer.Option(help="By default the newest")]


def fail(message: str) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)


def load_settings(config: Path | None, **given: Any) -> configuration.Loaded:
    """`given` as `store__path=…`; None means not given. Ends the program with a sentence when a setting is wrong."""
    tree: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            section, _, field = name.partition("__")
            tree.setdefault(section, {})[field] = value
    try:
        return configuration.load(tree, config)
    except configuration.InvalidSettings as error:
        raise fail(str(error)) from None


@app.command()
def serve(
    store: StoreOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="By default 8000; 0 picks a free one")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve every model of the store, and those that come."""
    settings = load_settings(config, store__path=store, server__host=host, server__port=port).settings
    from service.app import build_parts
    from service.observability import logs
    from service.server import open_socket, serve

    logs.configure(settings.log.level, settings.log.format)
    try:
        listening = open_socket(settings.server.host, settings.server.port)
    except OSError as error:
        raise fail(f"cannot listen on {settings.server.host}:{settings.server.port}: {error.strerror}") from None
    try:
        parts = build_parts(settings)
    except (OSError, ValueError) as error:  # of a store at a URL, and of its cache
        listening.close()
        raise fail(f"store.path: {error}") from None
    announce(settings, listening.getsockname()[1])
    serve(parts, listening)


def announce(settings: Settings, port: int) -> None:
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    address = f"http://{host}:{port}"
    typer.echo(
        f"Manifold serves {settings.store.path} at {address}\n"
        f"  {address}/docs      try each model in the browser\n"
        f"  {address}/models    what is served\n"
        f"  {address}/readyz    whether it is warm\n"
        f"  {address}/metrics   for Prometheus"
    )
    sys.stdout.flush()


@app.command()
def inspect(model: Model, version: Version = None, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Show a model's inputs and heads, and a request that works."""
    from service.codec.describe import describe_model

    settings = load_settings(config, store__path=store).settings
    number, folder = find(settings, model, version)
    prepared = prepared_here(settings, model, folder)
    manifest, expected = prepared.artifact.manifest, prepared.codec.schema.expected
    told = describe_model(prepared.signature, manifest, expected, prepared.evidence)
    typer.echo(pretty({"model": model, "version": number, **told}))


@app.command()
def predict(
    model: Model,
    given: Annotated[
        list[str] | None,
        typer.Option("--input", help="name=value: JSON, or text as it stands; name=@file: a photo, a text, or JSON"),
    ] = None,
    head: Annotated[list[str] | None, typer.Option(help="A head to answer; by default all")] = None,
    raw: Annotated[bool, typer.Option(help="Answer the plain tensors")] = False,
    version: Version = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Answer one request with a model of the store, without a server."""
    from service.codec.answers import not_finite

    settings = load_settings(config, store__path=store).settings
    number, folder = find(settings, model, version)
    prepared = prepared_here(settings, model, folder)
    manifest = prepared.artifact.manifest
    kinds = manifest.preprocessing if manifest else {}
    refuse_unknown(given or [], prepared.servable.signature.input_names)
    asked: dict[str, Any] = {"inputs": dict(named_value(each, kinds) for each in given or []), "raw": raw}
    try:
        call = prepared.codec.read(asked | ({"heads": head} if head else {}))
        outputs = prepared.run(call.rows, call.heads)
        told = prepared.codec.encode(call, outputs, not_finite(call, outputs))
    except ServiceError as error:
        raise fail(str(error)) from None
    typer.echo(pretty({"model": model, "version": number, **told}))


@app.command("check-config")
def check_config(config: ConfigOption = None) -> None:
    """Say which settings are in force, and where each comes from."""
    loaded = load_settings(config)
    table = Table("setting", "value", "from", title="Settings in force")
    for name, value in configuration.leaves(loaded.settings.model_dump()):
        table.add_row(name, str(value), loaded.sources[name])
    Console().print(table)


def find(settings: Settings, model: str, version: int | None) -> tuple[int, Path]:
    """The version's number and folder, fetched where the store is a URL. Ends the program when there is none."""
    store = settings.store.path
    if isinstance(store, str):
        return find_remote(settings, model, version)
    found = versions(store / model)
    if not found and (store / model).is_dir() and has_graph(store / model):
        return 1, store / model
    number = chosen(found, store, model, version)
    return number, store / model / str(number)


def find_remote(settings: Settings, model: str, version: int | None) -> tuple[int, Path]:
    from service.store.source import open_source

    url = settings.store.path
    try:
        with closing(open_source(settings.store, lambda event: None, set)) as store:
            found = store.scan().get(model, {})
            number = chosen(sorted(found), url, model, version)
            return number, store.fetch(model, number, found[number].path)
    except (OSError, ValueError, InvalidArtifact) as error:
        raise fail(f"{url}: {error}") from None


def chosen(found: list[int], store: Path | str, model: str, version: int | None) -> int:
    """Ends the program when it is not there."""
    if not found:
        raise fail(f"no version of {model!r} in {store}")
    if version is not None and version not in found:
        raise fail(f"{model!r} has no version {version}; there are {', '.join(map(str, found))}")
    return found[-1] if version is None else version


def refuse_unknown(given: list[str], names: tuple[str, ...]) -> None:
    """Before a file is read for an input that is none. Ends the program."""
    for each in given:
        name, separator, _ = each.partition("=")
        if separator and name not in names:
            raise fail(f"there is no input {name!r}; there are {', '.join(names)}")


def named_value(given: str, kinds: Mapping[str, Preprocessing]) -> tuple[str, Any]:
    """`name=value`: the value as JSON where it is a list, an object or a number, else as text. `name=@file` reads it
    from a file."""
    name, separator, value = given.partition("=")
    if not separator:
        raise fail(f"--input takes name=value, got {given!r}")
    if value.startswith("@"):
        return name, file_value(name, Path(value[1:]), kinds.get(name))
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


def file_value(name: str, file: Path, kind: Preprocessing | None) -> Any:
    """A photo as it is sent, a text as it stands, anything else from JSON. Ends the program when it is not that."""
    try:
        content = file.read_bytes()
        if isinstance(kind, Image):
            return base64.b64encode(content).decode()
        return content.decode() if isinstance(kind, Text) else orjson.loads(content)
    except OSError as error:
        raise fail(f"input {name!r}: {file}: {error.strerror}") from None
    except ValueError as error:  # text that is not UTF-8, JSON that is none
        raise fail(f"input {name!r}: {file}: {error}") from None


def prepared_here(settings: Settings, model: str, folder: Path) -> Prepared:
    """The model in this process, without a server. Ends the program when the artifact cannot be served."""
    from service.loading.preparation import import_modules, load_graph, prepare
    from service.runtime.placement import Target

    runtime = settings.runtime_of(model)
    try:
        import_modules(runtime.modules)
        load = partial(load_graph, target=Target(signature=runtime.signature))
        return prepare(model, folder, load, warm_rows=())
    except (InvalidArtifact, NotEnoughMemory, ValueError, OSError) as error:
        raise fail(f"{folder}: {error}") from None


def pretty(content: object) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()
