"""Every setting, its default and where its value came from. The only reader of the environment.

Sources, strongest first: command line, environment (`MANIFOLD_STORE__PATH=…`), `manifold.toml`, default.
Times are seconds, sizes are bytes.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    Tag,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "MANIFOLD_"
ROOT = Path(__file__).resolve().parents[1]


class InvalidSettings(ValueError):
    """A setting that is unknown or has an impossible value; the message names each."""


S = TypeVar("S", bound="Section")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def integers(value: object) -> object:
    """`8,16,32` as it stands in an environment variable, to a list."""
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def ascending(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if list(lengths) != sorted(set(lengths)):
        raise ValueError("lengths should ascend")
    return lengths


def which(value: object) -> str:
    return "auto" if value == "auto" else "number"


Auto = Annotated[Literal["auto"], Tag("auto")]
PICK = Discriminator(which)
"""Tells a number from `auto` before either is checked, so that an error speaks of the one that was meant."""
CountOrAuto = Annotated[Annotated[PositiveInt, Tag("number")] | Auto, PICK]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""A name for a version that can move to another."""
DelayOrAuto = Annotated[Annotated[float, Field(ge=0, le=60), Tag("number")] | Auto, PICK]


class Server(Section):
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one and prints it")


class Store(Section):
    path: Path = Field(ROOT / "store", description="Folder of `<model>/<version>/`")
    poll_interval: PositiveFloat = Field(2.0, description="Seconds between looks at the store")
    version_policy: str = Field(
        "latest:1",
        pattern=r"^(latest:[1-9][0-9]*|all|specific:[0-9]+(,[0-9]+)*)$",
        description="Versions to serve: `latest:N`, `all` or `specific:1,2`",
    )
    control: Literal["poll", "explicit"] = Field(
        "poll", description="`explicit`: after the start, versions come and go only by the admin API"
    )


class Batching(Section):
    max_batch_size: CountOrAuto = Field(
        "auto", description="Rows that run together at most; `auto`: the fastest that keeps the latency target"
    )
    max_queue_delay: DelayOrAuto = Field(
        0.0, description="Seconds a row may wait for company while the device is idle, or `auto`"
    )
    latency_target: PositiveFloat | None = Field(
        None, description="Seconds for 99 of 100, behind one full batch; by default half of `limits.default_timeout`"
    )
    max_queue_size: PositiveInt = Field(1024, description="Rows that may wait; more are told to come back")
    buckets: Annotated[tuple[PositiveInt, ...], NoDecode, BeforeValidator(integers), AfterValidator(ascending)] = Field(
        (), description="Lengths that padded rows are rounded up to; empty: the longest of the batch"
    )


class Runtime(Section):
    instances: PositiveInt = Field(1, description="Batches of one model that run at once")
    max_concurrent_batches: CountOrAuto = Field(
        "auto", description="Batches of all models that run at once, in fair turns; `auto`: one for each core"
    )
    modules: tuple[str, ...] = Field((), description="Python modules that register classes of models with Keras")
    signature: str = Field(
        "", description="Signature of a SavedModel to serve; empty: `serving_default`, `serve`, the only"
    )
    warmup: bool = Field(True, description="Run each head set, try padding and measure before a version is available")


class Limits(Section):
    max_in_flight: PositiveInt = Field(4096, description="Predict requests in the service at once")
    max_in_flight_bytes: PositiveInt = Field(2**30, description="Bodies and rows in the service at once")
    max_body_bytes: PositiveInt = Field(32 * 2**20, description="Largest request body")
    default_timeout: PositiveFloat = Field(30.0, description="Seconds a request may take that names no timeout")
    max_timeout: PositiveFloat = Field(300.0, description="Largest timeout a request may ask for")
    drain_delay: float = Field(0.5, ge=0, le=600, description="Seconds between not ready and not listening, on SIGTERM")
    drain_timeout: PositiveFloat = Field(30.0, description="Seconds that accepted requests have to finish, on SIGTERM")


class Admin(Section):
    token: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        None, description="Bearer token of the admin API, which is off without one"
    )


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe lines to write")
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto`: text in a terminal, else JSON")
    requests: bool = Field(True, description="One line for every request; otherwise only for those that failed")


class ModelOverrides(Section):
    """What may differ for one model, by its name."""

    batching: dict[str, Any] = {}
    runtime: dict[str, Any] = {}
    version_policy: str | None = Field(None, description="This model's `store.version_policy`")
    labels: dict[Label, NonNegativeInt] = Field({}, description="Versions by label; each waits until it is available")


class Settings(Section):
    """All settings in force; `load` makes one."""

    server: Server = Server()
    store: Store = Store()
    batching: Batching = Batching()
    runtime: Runtime = Runtime()
    limits: Limits = Limits()
    admin: Admin = Admin()
    log: Log = Log()
    models: dict[str, ModelOverrides] = Field({}, description="Overrides by model name")

    def batching_of(self, model: str) -> Batching:
        return merged(self.batching, self._overrides(model).batching)

    def runtime_of(self, model: str) -> Runtime:
        return merged(self.runtime, self._overrides(model).runtime)

    def version_policy_of(self, model: str) -> str:
        return self._overrides(model).version_policy or self.store.version_policy

    def labels_of(self, model: str) -> dict[str, int]:
        return self._overrides(model).labels

    def _overrides(self, model: str) -> ModelOverrides:
        return self.models.get(model, ModelOverrides())


def merged(section: S, changes: Mapping[str, Any]) -> S:
    """The section with some values replaced, checked again."""
    return type(section)(**(section.model_dump() | dict(changes)))


class Reader(Settings, BaseSettings):
    """Tells the sources of pydantic-settings which names to look for; never made itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


class Loaded(BaseModel):
    """The settings in force, and the source of each value by its dotted name."""

    settings: Settings
    sources: dict[str, str]


def load(given: Mapping[str, Any] | None = None, config: Path | None = None) -> Loaded:
    """Reads all sources. `given` comes from the command line, nested. Raises InvalidSettings."""
    file = config or Path("manifold.toml")
    if config is not None and not config.is_file():
        raise InvalidSettings(f"{config}: no such file")
    try:
        environment = EnvSettingsSource(Reader)()
        table = TomlConfigSettingsSource(Reader, file)()
        refuse_unknown_variables(os.environ)
        command_line = dict(given or {})
        settings = Settings.model_validate(deep_merge(table, environment, command_line))
    except ValidationError as error:
        raise InvalidSettings("; ".join(describe(each) for each in error.errors())) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidSettings(f"{file}: {error}") from None
    except SettingsError as error:
        raise InvalidSettings(f"environment: {error}") from None
    refuse_bad_overrides(settings)
    ranked = [("command line", command_line), ("environment", environment), (str(file), table)]
    sources = {name: source_of(name, ranked) for name in (leaf for leaf, _ in leaves(settings.model_dump()))}
    return Loaded(settings=settings, sources=sources)


def refuse_bad_overrides(settings: Settings) -> None:
    """What one model's settings come to is checked now, not when the model loads. Raises InvalidSettings."""
    for model, overrides in settings.models.items():
        sections: tuple[tuple[str, Section, dict[str, Any]], ...] = (
            ("batching.", settings.batching, overrides.batching),
            ("runtime.", settings.runtime, overrides.runtime),
            ("", settings.store, {"version_policy": settings.version_policy_of(model)}),
        )
        for section, common, changes in sections:
            try:
                merged(common, changes)
            except ValidationError as error:
                place = f"models.{model}.{section}"
                raise InvalidSettings("; ".join(describe(each, place) for each in error.errors())) from None


def describe(error: Mapping[str, Any], place: str = "") -> str:
    name = place + ".".join(str(part) for part in error["loc"] if part not in ("number", "auto"))
    got = "" if name.split(".")[0] == "admin" else f", got {error['input']!r}"  # an error ends up in logs
    return f"{name}: {error['msg'][:1].lower() + error['msg'][1:]}{got}"


def refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    """A misspelt section would otherwise pass unseen. Raises InvalidSettings."""
    for name in environment:
        section = name.removeprefix(PREFIX).split("__")[0].lower()
        if name.upper().startswith(PREFIX) and section not in Settings.model_fields:
            raise InvalidSettings(f"{name}: no such setting; the sections are {', '.join(Settings.model_fields)}")


def deep_merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings in one, later ones winning."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = deep_merge(result[key], value) if both else value
    return result


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted name."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def source_of(name: str, ranked: list[tuple[str, dict[str, Any]]]) -> str:
    for source, tree in ranked:
        if name in dict(leaves(tree)):
            return source
    return "default"
