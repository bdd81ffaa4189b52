"""Where settings come from, and what is refused."""

import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from service import settings
from service.settings import InvalidSettings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings.load()
    assert loaded.settings.store.path == settings.ROOT / "store"
    assert set(loaded.sources.values()) == {"default"}


def test_command_line_beats_environment_beats_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("manifold.toml").write_text("[server]\nport = 1\nhost = 'a'\n[batching]\nmax_batch_size = 8\nbuckets = [4]\n")
    monkeypatch.setenv("MANIFOLD_SERVER__PORT", "2")
    monkeypatch.setenv("MANIFOLD_SERVER__HOST", "b")
    monkeypatch.setenv("MANIFOLD_BATCHING__BUCKETS", "16,32")
    loaded = settings.load({"server": {"port": 3}})
    assert (loaded.settings.server.port, loaded.settings.server.host) == (3, "b")
    assert (loaded.settings.batching.max_batch_size, loaded.settings.batching.buckets) == (8, (16, 32))
    sources = loaded.sources
    assert sources["server.port"] == "command line"
    assert sources["server.host"] == sources["batching.buckets"] == "environment"
    assert sources["batching.max_batch_size"] == "manifold.toml"
    assert sources["batching.max_queue_delay"] == "default"


def test_one_model_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("manifold.toml").write_text("[models.digits]\nversion_policy = 'all'\nbatching = {max_batch_size = 64}\n")
    monkeypatch.setenv("MANIFOLD_MODELS__other__RUNTIME__INSTANCES", "2")
    loaded = settings.load().settings
    assert loaded.batching_of("digits").max_batch_size == 64
    assert loaded.batching_of("digits").max_queue_size == loaded.batching.max_queue_size
    assert loaded.version_policy_of("digits") == "all"
    assert loaded.version_policy_of("other") == "latest:1"
    assert loaded.runtime_of("other").instances == 2
    assert loaded.runtime_of("digits").instances == 1


def test_devices_are_one_several_or_left_to_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("manifold.toml").write_text(
        "runtime = {device = ['gpu:1', 'cpu']}\n"
        "[models.a.runtime]\ndevice = 'auto'\n[models.b.runtime]\ndevice = 'gpu:10'\n"
    )
    monkeypatch.setenv("MANIFOLD_MODELS__c__RUNTIME__DEVICE", "gpu:0, gpu:1")
    loaded = settings.load().settings
    assert loaded.runtime.device == ("gpu:1", "cpu:0")
    assert [loaded.runtime_of(name).device for name in "abc"] == ["auto", ("gpu:10",), ("gpu:0", "gpu:1")]
    monkeypatch.setenv("MANIFOLD_RUNTIME__DEVICE", "gpu:0,gpu:2")
    assert settings.load().settings.runtime.device == ("gpu:0", "gpu:2")
    monkeypatch.setenv("MANIFOLD_RUNTIME__DEVICE", "auto")
    assert settings.load().settings.runtime.device == "auto"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("'tpu:0'", r"runtime\.device\.0: .*got 'tpu:0'"),
        ("'gpu:0,'", r"runtime\.device\.1: .*got ''"),
        ("['gpu:0', 'gpu:x']", r"runtime\.device\.1: .*got 'gpu:x'"),
        ("[]", r"runtime\.device: .*at least 1"),
        ("['cpu', 'cpu:0']", r"runtime\.device: .*each device is named once"),
        ("3", r"runtime\.device: .*got 3"),
    ],
)
def test_devices_that_are_none_are_refused(value: str, told: str) -> None:
    Path("manifold.toml").write_text(f"[runtime]\ndevice = {value}\n")
    with pytest.raises(InvalidSettings, match=told):
        settings.load()


@pytest.mark.parametrize("name", ["memory_limit", "logical_devices", "inter_op_threads", "max_concurrent_batches"])
def test_what_models_share_cannot_be_set_for_one(name: str) -> None:
    Path("manifold.toml").write_text(f"[models.digits.runtime]\n{name} = 9999999\n")
    with pytest.raises(InvalidSettings, match=rf"models\.digits\.runtime\.{name}: .*set runtime\.{name}"):
        settings.load()


def test_labels_come_by_model_from_file_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("manifold.toml").write_text("[models.digits]\nlabels = {stable = 3, a-b_2 = 4}\n")
    monkeypatch.setenv("MANIFOLD_MODELS__other__LABELS__canary", "7")
    loaded = settings.load().settings
    assert loaded.labels_of("digits") == {"stable": 3, "a-b_2": 4}
    assert (loaded.labels_of("other"), loaded.labels_of("third")) == ({"canary": 7}, {})


@pytest.mark.parametrize("value", ["{stable = -1}", "{stable = 'x'}", "{Stable = 1}", "{'1st' = 1}", "{'' = 1}"])
def test_labels_that_are_none_are_refused(value: str) -> None:
    Path("manifold.toml").write_text(f"[models.digits]\nlabels = {value}\n")
    with pytest.raises(InvalidSettings, match=r"models\.digits\.labels"):
        settings.load()


def test_the_admin_token_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANIFOLD_ADMIN__TOKEN", "s3cret")
    loaded = settings.load().settings
    assert loaded.admin.token is not None
    assert loaded.admin.token.get_secret_value() == "s3cret"
    assert "s3cret" not in f"{loaded!r} {dict(settings.leaves(loaded.model_dump()))}"
    monkeypatch.delenv("MANIFOLD_ADMIN__TOKEN")
    Path("manifold.toml").write_text("[admin]\ntoken = 12345\ntokn = '67890'\n")
    with pytest.raises(InvalidSettings, match=r"admin\.token: ") as told:
        settings.load()
    assert "12345" not in str(told.value)
    assert "67890" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MANIFOLD_ADMIN__TOKEN", "", "admin.token: value should have at least 1 item"),
        ("MANIFOLD_STORE__CONTROL", "manual", "store.control: "),
        ("MANIFOLD_BATCHING__MAX_BATCH_SIZE", "0", "batching.max_batch_size: input should be greater than 0, got '0'"),
        ("MANIFOLD_BATCHING__MAX_BATCH", "1", "batching.max_batch: "),
        ("MANIFOLD_BATCHNG__MAX_BATCH_SIZE", "1", "MANIFOLD_BATCHNG__MAX_BATCH_SIZE: no such setting"),
        ("MANIFOLD_STORE__VERSION_POLICY", "newest", "store.version_policy: "),
        ("MANIFOLD_MODELS__x__BATCHING__MAX_BATCH_SIZE", "-1", "models.x.batching.max_batch_size: input should"),
        ("MANIFOLD_MODELS__x__VERSION_POLICY", "newest", "models.x.version_policy: "),
        ("MANIFOLD_BATCHING__BUCKETS", "16,8", "batching.buckets: value error, lengths should ascend"),
        ("MANIFOLD_LIMITS__DRAIN_TIMEOUT", "inf", "limits.drain_timeout: input should be a finite number"),
        ("MANIFOLD_STORE__POLL_INTERVAL", "inf", "store.poll_interval: input should be a finite number"),
        ("MANIFOLD_MODELS__x__SHADOW", '{"version": 2, "share": 0}', "models.x.shadow.share: input should be greater"),
        (
            "MANIFOLD_MODELS__x",
            '{"shadow": {"version": 2}, "labels": {"stable": 2}}',
            "models.x: value error, version 2",
        ),
    ],
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=told.replace("(", r"\(")):
        settings.load()


def test_a_named_file_must_exist_and_be_toml() -> None:
    with pytest.raises(InvalidSettings, match="no such file"):
        settings.load(config=Path("other.toml"))
    Path("bad.toml").write_text("= 3")
    with pytest.raises(InvalidSettings, match=r"bad\.toml"):
        settings.load(config=Path("bad.toml"))


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert settings.load().settings.runtime.cache_folder == tmp_path / "manifold"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert settings.load().settings.runtime.cache_folder == Path("/home/somebody/.cache/manifold")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # as good as none, says the standard
    assert settings.load().settings.runtime.cache_folder is None


@pytest.mark.parametrize(("value", "folder"), [("off", None), ("/var/cache/manifold", Path("/var/cache/manifold"))])
def test_the_cache_may_be_elsewhere_or_off(monkeypatch: pytest.MonkeyPatch, value: str, folder: Path | None) -> None:
    monkeypatch.setenv("MANIFOLD_RUNTIME__CACHE", value)
    assert settings.load().settings.runtime.cache_folder == folder
    monkeypatch.delenv("MANIFOLD_RUNTIME__CACHE")
    Path("manifold.toml").write_text(f"[runtime]\ncache = '{value}'\n")
    assert settings.load().settings.runtime.cache_folder == folder


@pytest.mark.parametrize("url", ["memory://models", "file:///models"])
def test_a_store_may_be_a_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANIFOLD_STORE__PATH", url)
    monkeypatch.setenv("MANIFOLD_MODELS__x__VERSION_POLICY", "all")  # for which the section is checked once more
    assert settings.load().settings.store.path == url
    assert settings.load({"store": {"path": "a/folder"}}).settings.store.path == Path("a/folder")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (5, "store.path: value error, expected a folder, or a URL like s3://bucket/models, got 5"),
        ("sftp://host/models", "store.path: value error, sftp://: "),
        ("s3://bucket", "store.path: value error, s3:// needs the package s3fs: pip install s3fs"),
        ("gs://bucket", "store.path: value error, gs:// needs the package gcsfs: pip install gcsfs"),
        ("s4://bucket", "store.path: value error, there is no store of the kind s4://"),
        ("s3://", "store.path: value error, expected a folder, or a URL like s3://bucket/models, got 's3://'"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_the_start(
    url: object, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend in ("s3fs", "gcsfs", "paramiko"):
        monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(InvalidSettings, match=re.escape(told)):
        settings.load({"store": {"path": url}})


def test_without_fsspec_a_url_is_told_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.registry", None)
    with pytest.raises(InvalidSettings, match="s3:// needs the package fsspec: pip install fsspec"):
        settings.load({"store": {"path": "s3://bucket"}})
    assert settings.load({"store": {"path": "here"}}).settings.store.path == Path("here")


def test_the_cache_is_the_users_or_else_below_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert settings.Store().cache_folder == tmp_path / "caches" / "manifold"
    assert settings.Store(cache=tmp_path).cache_folder == tmp_path
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.Store().cache_folder == tmp_path / ".cache" / "manifold"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert settings.Store().cache_folder == Path(tempfile.gettempdir()) / f"manifold-{os.getuid()}"
