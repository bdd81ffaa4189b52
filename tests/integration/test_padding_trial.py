"""Real graphs under trial: those that padding or neighbours change, and those that only look as if they did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from structlog.testing import capture_logs

from models.artifact import GRAPH, Manifest, open_artifact, publish
from models.padding_trial import Verdict, establish
from models.signature import Padding, Signature
from models.trial_rows import range_of
from models.zoo.author_profile import RECEPTIVE_FIELD, TAIL, Sizes
from models.zoo.author_profile import build as build_author_profile
from service.codec.describe import describe_model
from service.loading.preparation import Prepared, load_graph, prepare
from service.runtime.naming import derive_signature, named_heads, named_inputs
from service.runtime.tensorflow import TensorFlowServable
from training import recipes

VOCABULARY = 50
Graph = Callable[[], Any]
LARGE = keras.initializers.RandomNormal(stddev=1.0)
"""Weights that make something of a small difference."""


def servable_of(model: Any) -> TensorFlowServable:
    inputs, heads = named_inputs(model), named_heads(model)
    return TensorFlowServable(inputs, heads, derive_signature(inputs, heads))


def tried(model: Any) -> Verdict:
    """The verdict on a graph of which nothing is declared."""
    servable = servable_of(model)
    return establish(servable.signature, servable.run, is_declared=False)


def kinds(signature: Signature) -> list[str]:
    return [each.padding.kind for each in signature.inputs]


def answered(inputs: Any, encoded: Any) -> Any:
    heads = {
        "label": layers.Dense(3, activation="softmax", kernel_initializer=LARGE)(encoded),
        "size": layers.Dense(1, kernel_initializer=LARGE)(encoded),
    }
    return keras.Model(inputs, heads)


def of_words(encode: Callable[[Any], Any], *, mask: bool = False, dtype: str = "int32") -> Graph:
    def build() -> Any:
        text = keras.Input((None,), dtype=dtype, name="text")
        words = layers.Embedding(VOCABULARY, 8, mask_zero=mask, embeddings_initializer="normal")
        return answered(text, encode(words(text)))

    return build


def of_numbers(encode: Callable[[Any], Any], *shape: int | None) -> Graph:
    def build() -> Any:
        numbers = keras.Input(shape or (None, 3), name="numbers")
        return answered(numbers, encode(numbers))

    return build


def convolution(kernel: int, bias: float = 0.0, padding: str = "same") -> Callable[[Any], Any]:
    start = keras.initializers.Constant(bias)

    def encode(x: Any) -> Any:
        x = layers.Conv1D(8, kernel, padding=padding, activation="relu", bias_initializer=start)(x)
        return layers.GlobalMaxPooling1D()(x)

    return encode


def attention(x: Any) -> Any:
    return layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(x, x))


def picture(pool: Any) -> Callable[[Any], Any]:
    return lambda x: pool(layers.Conv2D(4, 3, padding="same", activation="relu")(x))


def lstm_of_lstm(x: Any) -> Any:
    return layers.LSTM(4)(layers.GRU(6, return_sequences=True)(x))


SAFE: dict[str, Graph] = {
    "masked LSTM": of_words(layers.LSTM(6), mask=True),
    "masked LSTM over masked GRU": of_words(lstm_of_lstm, mask=True),
    "masked LSTM both ways": of_words(layers.Bidirectional(layers.LSTM(4)), mask=True),
    "masked mean": of_words(layers.GlobalAveragePooling1D(), mask=True),
    "masked words as floats": of_words(layers.GlobalAveragePooling1D(), mask=True, dtype="float32"),
    "masked steps of numbers": of_numbers(lambda x: layers.LSTM(4)(layers.Masking()(x))),
    "sum of steps without a bias": of_numbers(lambda x: ops.sum(layers.Dense(4, use_bias=False)(x), axis=1)),
    "maximum above zero without a bias": of_numbers(convolution(1)),
}
MOVED: dict[str, Graph] = {
    "LSTM without a mask": of_words(layers.LSTM(6)),
    "LSTM both ways without a mask": of_words(layers.Bidirectional(layers.LSTM(4))),
    "LSTM of numbers without a mask": of_numbers(layers.LSTM(4)),
    "mean": of_words(layers.GlobalAveragePooling1D()),
    "mean of words as floats": of_words(layers.GlobalAveragePooling1D(), dtype="float32"),
    "maximum of words, the zeroth as good as any": of_words(layers.GlobalMaxPooling1D()),
    "sum of words, the zeroth as good as any": of_words(lambda x: ops.sum(x, axis=1)),
    "maximum of numbers": of_numbers(layers.GlobalMaxPooling1D()),
    "maximum of convolutions": of_words(convolution(3)),
    "maximum of convolutions of numbers": of_numbers(convolution(3)),
    "maximum with a bias that seldom shows": of_numbers(convolution(1, bias=0.01)),
    "a mask that the convolution drops": of_words(convolution(3), mask=True),
    "attention without a mask": of_words(attention),
    "the last step": of_words(lambda x: x[:, -1]),
    "masked LSTM of the last steps": of_words(lambda x: layers.LSTM(4)(x[:, -200:]), mask=True),
    "rows of some length at least": of_words(convolution(5, padding="valid")),
    "mean of a picture": of_numbers(picture(layers.GlobalAveragePooling2D()), None, None, 3),
    "maximum of a picture": of_numbers(picture(layers.GlobalMaxPooling2D()), None, None, 3),
    "an answer for each step": of_words(layers.LSTM(4, return_sequences=True), mask=True),
}


def batch_statistics(x: Any) -> Any:
    return (x - ops.mean(x, axis=0, keepdims=True)) / (1 + ops.std(x, axis=0, keepdims=True))


MIXED: dict[str, Graph] = {
    "softmax over the batch": of_numbers(lambda x: ops.softmax(x, axis=0), 4),
    "batch statistics": of_numbers(batch_statistics, 4),
    "scaled by the largest of the batch": of_numbers(lambda x: x / ops.maximum(1.0, ops.max(ops.abs(x)) / 20), 4),
    "masked LSTM, then shares of the batch": of_words(lambda x: ops.softmax(layers.LSTM(4)(x), axis=0), mask=True),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(3)


@pytest.mark.parametrize("name", SAFE)
def test_what_ignores_padding_is_padded(name: str) -> None:
    verdict = tried(SAFE[name]())
    assert kinds(verdict.signature) == ["pad"], verdict.evidence
    assert not verdict.evidence.constant_heads


@pytest.mark.filterwarnings("ignore:Layer 'conv1d.*destroy the mask:UserWarning")
@pytest.mark.parametrize("name", MOVED)
def test_what_padding_moves_is_not(name: str) -> None:
    verdict = tried(MOVED[name]())
    assert kinds(verdict.signature) == ["exact"], verdict.evidence
    assert all(seen.reason for seen in verdict.evidence.padding.values())


@pytest.mark.parametrize("name", MIXED)
def test_whose_neighbours_matter_runs_alone(name: str) -> None:
    verdict = tried(MIXED[name]())
    assert kinds(verdict.signature) == ["alone"], verdict.evidence
    assert "moved by" in verdict.evidence.neighbours.reason


def test_a_plain_model_of_one_shape_shares_batches() -> None:
    assert kinds(tried(of_numbers(layers.Dense(4), 4)()).signature) == ["exact"]


def test_saturated_heads_prove_nothing() -> None:
    text = keras.Input((None,), dtype="int32", name="text")
    encoded = layers.LSTM(4)(layers.Embedding(VOCABULARY, 4, mask_zero=True)(text))
    sure = layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(50.0))(encoded)
    verdict = tried(keras.Model(text, {"sure": sure}))
    assert kinds(verdict.signature) == ["exact"]
    assert verdict.evidence.constant_heads == ("sure",)


def test_two_texts_are_padded_and_one_beside_a_series_by_itself() -> None:
    def build(other: Any, encode: Callable[[Any], Any]) -> Any:
        text = keras.Input((None,), dtype="int32", name="text")
        words = layers.Embedding(VOCABULARY, 4, mask_zero=True, embeddings_initializer="normal")
        merged = layers.concatenate([layers.LSTM(4)(words(text)), encode(other)])
        return answered([text, other], merged)

    question = keras.Input((None,), dtype="int32", name="question")
    masked = layers.Embedding(20, 4, mask_zero=True, embeddings_initializer="normal")
    assert kinds(tried(build(question, lambda x: layers.GRU(4)(masked(x)))).signature) == ["pad", "pad"]
    series = keras.Input((None, 2), name="series")
    assert kinds(tried(build(series, layers.GRU(4))).signature) == ["pad", "exact"]


@pytest.mark.parametrize(
    ("tail", "kinds"),
    # With so little that nothing is left to take a maximum of, TensorFlow answers whatever stands in memory.
    [(TAIL, {"pad"}), (TAIL - 10, {"exact"}), (RECEPTIVE_FIELD, {"exact"}), (0, {"exact", "alone"})],
)
def test_a_stack_of_convolutions_needs_its_tail(tail: int, kinds: set[str]) -> None:
    servable = servable_of(build_author_profile(sizes=Sizes(VOCABULARY, 8, 8, 8, 8)))
    (posts,) = servable.signature.inputs
    declared = Signature(
        (type(posts)(name=posts.name, spec=posts.spec, padding=Padding("pad", tail)),), servable.signature.heads
    )
    verdict = establish(declared, servable.run, ranges={"posts": (0, VOCABULARY)})
    (found,) = verdict.signature.inputs
    assert found.padding.kind in kinds, verdict.evidence
    assert found.padding.tail == tail


def saved(model: Any, store: Path, declared: str = "") -> Path:
    """A version's folder, with a manifest that declares all its inputs so, or without one."""
    folder = store / "foreign" / "1"
    if not declared:
        folder.mkdir(parents=True)
        model.save(folder / GRAPH)
        return folder
    signature = derive_signature(named_inputs(model), named_heads(model))
    inputs = (type(each)(name=each.name, spec=each.spec, padding=Padding(declared)) for each in signature.inputs)  # type: ignore[arg-type]
    manifest = Manifest(model="foreign", signature=Signature(tuple(inputs), signature.heads), preprocessing={})
    return publish(store, manifest, [], lambda draft: model.save(draft / GRAPH))


def prepared(folder: Path, rows: tuple[int, ...] = (1, 4)) -> Prepared:
    return prepare("foreign", folder, load_graph, rows)


@pytest.mark.parametrize(
    ("graph", "kind"),
    [(SAFE["masked LSTM"], "pad"), (MOVED["mean"], "exact"), (MIXED["batch statistics"], "alone")],
)
def test_a_graph_that_anyone_made_is_tried_on_loading(graph: Graph, kind: str, tmp_path: Path) -> None:
    found = prepared(saved(graph(), tmp_path))
    assert kinds(found.signature) == [kind]
    assert found.servable.retraces == 0
    (told,) = describe_model(found.signature, None, found.codec.schema.expected, found.evidence)["inputs"]
    assert told["padding"]["kind"] == kind
    evidence = told["padding"]["evidence"]
    assert evidence["neighbours"]["rows"] >= 4
    assert kind == "alone" or evidence["padding"]["rows"] >= 8
    assert json.loads(json.dumps(evidence)) == evidence


def test_a_graph_of_which_nothing_was_tried_is_not_padded(tmp_path: Path) -> None:
    found = prepared(saved(SAFE["masked LSTM"](), tmp_path), rows=())
    assert (kinds(found.signature), found.evidence) == (["exact"], None)


@pytest.mark.parametrize(
    ("declared", "graph", "found"),
    [
        ("pad", SAFE["masked LSTM"], "pad"),
        ("pad", MOVED["mean"], "exact"),
        ("pad", MIXED["masked LSTM, then shares of the batch"], "alone"),
        ("exact", SAFE["masked LSTM"], "exact"),
        ("exact", MIXED["batch statistics"], "alone"),
        ("alone", SAFE["masked LSTM"], "alone"),
    ],
)
def test_what_a_manifest_declares_is_weakened_by_a_trial_and_never_strengthened(
    declared: str, graph: Graph, found: str, tmp_path: Path
) -> None:
    folder = saved(graph(), tmp_path, declared)
    with capture_logs() as logs:
        assert kinds(prepared(folder).signature) == [found]
    warnings = [each for each in logs if each["log_level"] == "warning"]
    if declared == found:
        assert not warnings
    else:
        (warning,) = warnings
        assert warning["input"] in ("text", "numbers")
        assert (warning["declared"], warning["found"]) == (declared, found)
        assert warning["head"] in ("label", "size")
        assert warning["difference"] > 1e-5


def test_one_row_at_a_time_is_enough_for_a_graph_that_takes_no_more(tmp_path: Path) -> None:
    one = keras.Input((3,), name="numbers")
    beside = ops.concatenate([one, np.ones((1, 2), np.float32)], axis=1)
    found = prepared(saved(answered(one, beside), tmp_path))
    assert kinds(found.signature) == ["alone"]
    row = {"numbers": np.ones(3, np.float32)}
    assert found.run([row], ["size"])["size"][0].shape == (1,)


@pytest.mark.parametrize("name", recipes.NAMES)
def test_our_models_keep_what_their_recipes_declare(name: str, smoke_store: Path) -> None:
    recipe = recipes.recipe(name)
    declared = recipe.load(recipe.presets["smoke"], 0, None).signature
    artifact = open_artifact(smoke_store / name / "1")
    manifest = artifact.manifest
    assert manifest is not None
    assert [each.padding for each in manifest.signature.inputs] == [each.padding for each in declared.inputs]
    assert manifest.evidence is not None
    assert manifest.evidence.neighbours.rows >= 4
    ragged = {each.name for each in declared.inputs if each.padding.kind == "pad"}
    assert {name for name, seen in manifest.evidence.padding.items() if not seen.reason} == ragged
    servable = TensorFlowServable.load(artifact.graph, manifest.signature)
    ranges = {name: range_of(each) for name, each in manifest.preprocessing.items()}
    assert establish(manifest.signature, servable.run, ranges=ranges).signature == manifest.signature
