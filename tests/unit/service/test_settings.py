"""Where settings come from, and what is refused."""

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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MANIFOLD_BATCHING__MAX_BATCH_SIZE", "0", "batching.max_batch_size: input should be greater than 0, got '0'"),
        ("MANIFOLD_BATCHING__MAX_BATCH", "1", "batching.max_batch: "),
        ("MANIFOLD_BATCHNG__MAX_BATCH_SIZE", "1", "MANIFOLD_BATCHNG__MAX_BATCH_SIZE: no such setting"),
        ("MANIFOLD_STORE__VERSION_POLICY", "newest", "store.version_policy: "),
        ("MANIFOLD_MODELS__x__BATCHING__MAX_BATCH_SIZE", "-1", "models.x.batching.max_batch_size: input should"),
        ("MANIFOLD_MODELS__x__VERSION_POLICY", "newest", "models.x.version_policy: "),
        ("MANIFOLD_BATCHING__BUCKETS", "16,8", "batching.buckets: value error, lengths should ascend"),
        ("MANIFOLD_LIMITS__DRAIN_TIMEOUT", "inf", "limits.drain_timeout: input should be a finite number"),
        ("MANIFOLD_STORE__POLL_INTERVAL", "inf", "store.poll_interval: input should be a finite number"),
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
