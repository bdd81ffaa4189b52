"""Every setting, its default and where its value came from. The only reader of the environment.

Sources, strongest first: command line, environment (`MANIFOLD_STORE__PATH=…`), `manifold.toml`, default.
Times are seconds, sizes are bytes.
"""

from __future__ import annotations

import os
import re
import tempfile
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
    model_validator,
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


def words(value: object) -> object:
    """`gpu:0,gpu:1` as it stands in an environment variable, or `cpu` alone, to a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def numbered(devices: tuple[str, ...]) -> tuple[str, ...]:
    """`cpu` is `cpu:0`. Raises ValueError for a device that is named twice."""
    names = tuple(name if ":" in name else f"{name}:0" for name in devices)
    if len(set(names)) < len(names):
        raise ValueError("each device is named once; `runtime.instances` says how many batches it runs at once")
    return names


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
DeviceName = Annotated[str, Field(pattern=r"^(cpu|gpu)(:(0|[1-9][0-9]*))?$")]
DeviceNames = Annotated[tuple[DeviceName, ...], Field(min_length=1), AfterValidator(numbered), BeforeValidator(words)]
DevicesOrAuto = Annotated[Annotated[DeviceNames, Tag("number")] | Auto, PICK]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""A name for a version that can move to another."""
DelayOrAuto = Annotated[Annotated[float, Field(ge=0, le=60), Tag("number")] | Auto, PICK]


URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]*)://.+")


def folder_or_url(value: object) -> object:
    """What has a protocol stays a text, anything else is a folder. A backend that is not there is told now."""
    if isinstance(value, str) and "://" not in value:
        return Path(value)
    if isinstance(value, Path):
        return value
    url = URL.fullmatch(value) if isinstance(value, str) else None
    if not url:
        raise ValueError("expected a folder, or a URL like s3://bucket/models")
    refuse_missing_backend(url["protocol"])
    return value


def refuse_missing_backend(protocol: str) -> None:
    """Raises ValueError with what to install. Only here is it known that fsspec is needed at all."""
    try:
        from fsspec.registry import get_filesystem_class, known_implementations
    except ImportError:
        raise ValueError(f"{protocol}:// needs the package fsspec: pip install fsspec") from None
    try:
        get_filesystem_class(protocol)
    except ImportError as error:
        package = known_implementations[protocol]["class"].partition(".")[0]
        if package == "fsspec":  # its own backends need others' packages, and say which
            raise ValueError(f"{protocol}://: {error}") from None
        raise ValueError(f"{protocol}:// needs the package {package}: pip install {package}") from None
    except ValueError:
        raise ValueError(f"there is no store of the kind {protocol}://; try s3://, gs:// or file://") from None


class Server(Section):
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one and prints it")


class Store(Section):
    path: Annotated[Path | str, BeforeValidator(folder_or_url)] = Field(
        ROOT / "store", description="Folder of `<model>/<version>/`, or its URL: `s3://bucket/models`, `gs://…`"
    )
    cache: Path | None = Field(
        None, description="Folder for what is fetched from a URL; by default in the user's, else the temporary one"
    )
    timeout: PositiveFloat = Field(30.0, description="Seconds that a store at a URL may take to list, or to send 8 MiB")
    poll_interval: PositiveFloat = Field(2.0, description="Seconds between looks at the store")
    version_policy: str = Field(
        "latest:1",
        pattern=r"^(latest:[1-9][0-9]*|all|specific:[0-9]+(,[0-9]+)*)$",
        description="Versions to serve: `latest:N`, `all` or `specific:1,2`",
    )
    control: Literal["poll", "explicit"] = Field(
        "poll", description="`explicit`: after the start, versions come and go only by the admin API"
    )
    preserve: Literal["availability", "resources"] = Field(
        "availability",
        description="`resources`: an old version goes before the new one is loaded, and nobody answers meanwhile",
    )

    @property
    def cache_folder(self) -> Path:
        return self.cache or default_cache()


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/manifold` or `~/.cache/manifold`; where that cannot be written, below the temporary folder."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    there = next(each for each in (user, *user.parents) if each.exists())
    if user.is_absolute() and os.access(there, os.W_OK):
        return user / "manifold"
    return Path(tempfile.gettempdir()) / f"manifold-{os.getuid()}"


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
    device: Annotated[DevicesOrAuto, NoDecode] = Field(
        "auto",
        description="`cpu`, `gpu:0`, or several, each with a replica: `gpu:0,gpu:1`; `auto`: the GPU with most room",
    )
    instances: PositiveInt = Field(1, description="Batches of one model that run at once on each of its devices")
    strict: bool = Field(
        False, description="Refuse a model there is no room for; else `auto` puts it on the CPU, with a warning"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32", description="What layers compute in; heads and weights stay float32, and TF32 is never used"
    )
    max_concurrent_batches: CountOrAuto = Field(
        "auto",
        description="Batches of all models that run at once on a device, in fair turns; `auto`: one for each core",
    )
    memory_limit: Annotated[int, Field(ge=2**20)] | None = Field(
        None, description="Bytes that models may take of each GPU; by default all of it, as it is needed"
    )
    inter_op_threads: CountOrAuto = Field(
        "auto", description="Operations of all models that run at once; `auto`: one for each core that may be used"
    )
    intra_op_threads: CountOrAuto = Field(
        "auto",
        description="Threads that the operations of all models share; `auto`: one for each core that may be used",
    )
    logical_devices: PositiveInt = Field(
        1, description="Devices that the CPU is split into, `cpu:0`, `cpu:1` …, to try placement without a GPU"
    )
    modules: tuple[str, ...] = Field((), description="Python modules that register classes of models with Keras")
    signature: str = Field(
        "", description="Signature of a SavedModel to serve; empty: `serving_default`, `serve`, the only"
    )
    warmup: bool = Field(True, description="Run each head set, try padding and measure before a version is available")
    cache: Literal["auto", "off"] | Path = Field(
        "auto",
        description="Folder for what loads try and measure, or `off`; `auto`: `manifold` in the user's cache folder",
    )

    @property
    def cache_folder(self) -> Path | None:
        """None where nothing is to be kept, or nobody has a home."""
        if self.cache != "auto":
            return None if self.cache == "off" else Path(self.cache)
        home = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
        return Path(home) / "manifold" if os.path.isabs(home) else None


OF_THE_PROCESS = frozenset(
    ("max_concurrent_batches", "memory_limit", "inter_op_threads", "intra_op_threads", "logical_devices", "cache")
)
"""Settings of `runtime` that models share, so that one of them cannot have its own."""


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


class Shadow(Section):
    """A version that answers a share of the requests too, unheard, to be compared with the one that answers."""

    version: NonNegativeInt
    share: float = Field(0.1, gt=0, le=1, description="Of the requests")


class ModelOverrides(Section):
    """What may differ for one model, by its name."""

    batching: dict[str, Any] = {}
    runtime: dict[str, Any] = {}
    version_policy: str | None = Field(None, description="This model's `store.version_policy`")
    labels: dict[Label, NonNegativeInt] = Field({}, description="Versions by label; each waits until it is available")
    shadow: Shadow | None = Field(None, description="Begins once its version and another one are available")

    @model_validator(mode="after")
    def refuse_a_shadow_of_itself(self) -> ModelOverrides:
        if self.shadow is not None and self.shadow.version == self.labels.get("stable"):
            raise ValueError(f"version {self.shadow.version} is stable, so it answers and can be no shadow")
        return self


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

    def shadow_of(self, model: str) -> Shadow | None:
        return self._overrides(model).shadow

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
        for name in sorted(OF_THE_PROCESS & overrides.runtime.keys()):
            raise InvalidSettings(f"models.{model}.runtime.{name}: models share this one; set runtime.{name}")
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
