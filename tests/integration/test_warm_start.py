"""Real graphs loaded again: the second load runs no trial and no calibration, unless something is different."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from models.artifact import GRAPH, Manifest, digest_of, open_artifact, publish
from models.padding_trial import establish
from models.signature import Padding, Signature
from service.batching.calibration import calibrate
from service.batching.policy import BatchPolicy
from service.loading import preparation
from service.loading.cache import Cache
from service.loading.preparation import Prepared, load_graph, measured, prepare
from service.progress import Progress
from service.runtime.naming import derive_signature, named_heads, named_inputs
from service.runtime.tensorflow import TensorFlowServable


def built() -> Any:
    keras.utils.set_random_seed(3)
    text = keras.Input((None,), dtype="int32", name="text")
    words = layers.Embedding(50, 8, mask_zero=True, embeddings_initializer="normal")
    encoded = layers.LSTM(6)(words(text))
    return keras.Model(
        text, {"label": layers.Dense(3, activation="softmax")(encoded), "size": layers.Dense(1)(encoded)}
    )


def published(store: Path) -> Path:
    model = built()
    derived = derive_signature(named_inputs(model), named_heads(model))
    (text,) = derived.inputs
    padded = type(text)(name=text.name, spec=text.spec, padding=Padding("pad"))
    manifest = Manifest(model="words", signature=Signature((padded,), derived.heads), preprocessing={})
    return publish(store, manifest, [], lambda draft: model.save(draft / GRAPH))


class Paid:
    """Counts what a load tries and measures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trials = 0
        self.calibrations = 0
        monkeypatch.setattr(preparation, "establish", self.counted("trials", establish))
        monkeypatch.setattr(preparation, "calibrate", self.counted("calibrations", calibrate))

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            setattr(self, name, getattr(self, name) + 1)
            return function(*arguments, **named)

        return call

    @property
    def for_it(self) -> tuple[int, int]:
        return self.trials, self.calibrations


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Paid:
    return Paid(monkeypatch)


def load(folder: Path, cache: Path, policy: BatchPolicy | None = None) -> Prepared:
    prepared = prepare("words", folder, load_graph, (1, 4), cache=Cache(cache), progress=Progress())
    measured(prepared, policy or BatchPolicy(max_batch_size=8))
    return prepared


def test_only_the_first_load_of_an_artifact_pays(tmp_path: Path, paid: Paid) -> None:
    folder = published(tmp_path / "store")
    first = load(folder, tmp_path / "cache")
    assert (paid.for_it, first.warm_start.found) == ((1, 1), set())
    again = load(folder, tmp_path / "cache")
    assert (paid.for_it, again.warm_start.found) == ((1, 1), {"padding", "latencies"})
    assert (again.signature, again.evidence) == (first.signature, first.evidence)
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "7")
    assert load(moved, tmp_path / "cache").warm_start.found == {"padding", "latencies"}
    assert again.servable.retraces == 0


def test_a_changed_file_is_another_artifact(tmp_path: Path, paid: Paid) -> None:
    folder = tmp_path / "words" / "1"
    folder.mkdir(parents=True)
    model = built()
    model.save(folder / GRAPH)
    load(folder, tmp_path / "cache")
    weights = model.get_weights()
    model.set_weights([each * 1.5 for each in weights])
    model.save(folder / GRAPH)
    load(folder, tmp_path / "cache")
    assert paid.for_it == (2, 2)


def test_another_device_is_tried_and_measured_anew(tmp_path: Path, paid: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = published(tmp_path / "store")
    load(folder, tmp_path / "cache")
    make = TensorFlowServable.__init__

    def elsewhere(self: TensorFlowServable, *arguments: Any) -> None:
        make(self, *arguments)
        self.environment = self.environment | {"processor": "another one"}

    monkeypatch.setattr(TensorFlowServable, "__init__", elsewhere)
    load(folder, tmp_path / "cache")
    assert paid.for_it == (2, 2)


def test_the_environment_names_what_decides_how_a_model_answers(tmp_path: Path) -> None:
    environment = load(published(tmp_path / "store"), tmp_path / "cache").servable.environment
    assert {"tensorflow", "keras", "processor", "cores", "gpus", "tf32", "threads"} <= environment.keys()
    assert environment["keras"] == keras.__version__


def test_the_digest_of_a_saved_model_covers_its_weights_and_assets(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"a graph")
    digests = set()
    for weights in (b"old", b"new"):
        (tmp_path / "variables" / "variables.data-00000-of-00001").write_bytes(weights)
        digests.add(digest_of(open_artifact(tmp_path)))
    assert len(digests) == 2


def test_the_digest_covers_graph_manifest_and_every_other_file(tmp_path: Path) -> None:
    folder = published(tmp_path / "store")
    digests = {digest_of(open_artifact(folder))}
    (folder / "report").mkdir()
    (folder / "report" / "page.html").write_text("for people")
    assert digest_of(open_artifact(folder)) in digests  # what stands in folders is no part of the model
    (folder / "vocabulary.json").write_text("{}")
    digests.add(digest_of(open_artifact(folder)))
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"description": ""', '"description": "words"'))
    digests.add(digest_of(open_artifact(folder)))
    assert len(digests) == 3
