"""Writes a trained model into the store as its next version, with the answers of its golden examples.

Knows nothing of how it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import GRAPH, Golden, InvalidArtifact, Manifest, contract_in, publish, versions
from models.contract import Contract, Difference, broken, to_keep
from models.padding_trial import Verdict, establish
from models.preprocessing import save_tokenizer
from models.signature import Signature
from models.trial_answers import Run
from models.trial_rows import range_of
from training.batches import encode_columns
from training.fit import predict
from training.frameworks import made_with
from training.recipe import Data, Recipe, Split

TRIAL_SECONDS = 0.5
"""How long padding is tried beyond what has to be."""
HELD_OUT = 16
"""Rows that are tried beside the golden ones, as far as they are the shortest and the longest."""


def export(
    recipe: Recipe,
    data: Data,
    model: Any,
    metrics: Mapping[str, float],
    training: Mapping[str, str | int | float],
    store: Path,
    beside: Callable[[Path], None] = lambda folder: None,
    breaking: str = "",
) -> Path:
    """The new version's folder. Nobody sees it before it is whole, and what `beside` writes into it.

    What the recipe declares of padding is tried, and what does not hold is not written. `breaking` says why the
    contract of the version before is not kept.
    """
    verdict = tried(data, model)
    for warning in weakened(data.signature, verdict):
        print(f"{recipe.name}: warning: {warning}", flush=True)
    manifest = Manifest(
        model=recipe.name,
        description=data.description or recipe.description,
        signature=verdict.signature,
        evidence=verdict.evidence,
        preprocessing=dict(data.preprocessing),
        metrics=dict(metrics),
        training=dict(training),
        frameworks=made_with(),
        breaking=breaking,
    )
    warn_of_refusal(manifest, store)

    def write(folder: Path) -> None:
        model.save(folder / GRAPH)
        for name, tokenizer in data.tokenizers.items():
            save_tokenizer(tokenizer, folder / name)
        beside(folder)

    return publish(store, manifest, golden(data, model), write)


def warn_of_refusal(manifest: Manifest, store: Path) -> None:
    """Says on the terminal what a service on this store would say of the version, and how to let it pass."""
    kept, differences = unannounced(manifest, store)
    if differences:
        print(f"{manifest.model}: warning: it breaks the contract of version {kept}, and will be refused:", flush=True)
        for each in differences:
            print(f"{manifest.model}: warning:   {each}", flush=True)
        print(f'{manifest.model}: warning: if that is meant, export it with --breaking "WHY"', flush=True)


def unannounced(manifest: Manifest, store: Path) -> tuple[int, list[Difference]]:
    """By the manifests in the store: the version whose contract is to be kept, and what of it is not."""
    folder = store / manifest.model
    below = [contract for each in versions(folder) if (contract := readable(folder / str(each), each)) is not None]
    newcomer = Contract(max(versions(folder), default=0) + 1, manifest.signature, manifest.preprocessing)
    kept = to_keep(newcomer, below, lambda contract: True)
    if kept is None or manifest.breaking:
        return 0, []
    return kept.version, broken(kept, newcomer)


def readable(folder: Path, version: int) -> Contract | None:
    try:
        return contract_in(folder, version)
    except InvalidArtifact:
        return None


def tried(data: Data, model: Any) -> Verdict:
    """Whether rows may share batches, by the golden inputs and some that were held out."""
    columns = [data.golden, [row_of(data.held_out, place) for place in range(min(HELD_OUT, len(data.held_out)))]]
    rows = [row for given in columns for row in encoded(data, given)]
    ranges = {name: range_of(each) for name, each in data.preprocessing.items()}
    return establish(data.signature, traced(data.signature, model), rows, ranges, seconds=TRIAL_SECONDS)


def traced(signature: Signature, model: Any) -> Run:
    """The model as it will be served, as one function of any number of rows of any length: run otherwise, every step
    of a recurrent layer costs as much as the whole."""
    import tensorflow as tf

    specs = {each.name: tf.TensorSpec([None, *each.spec.shape], each.spec.dtype) for each in signature.inputs}
    function = tf.function(lambda inputs: model(dict(inputs), training=False), input_signature=[specs], autograph=False)

    def run(inputs: Mapping[str, NDArray[Any]], heads: Collection[str]) -> dict[str, NDArray[Any]]:
        answers = function({name: tf.convert_to_tensor(tensor) for name, tensor in inputs.items()})
        return {head: np.asarray(answers[head]) for head in heads}

    return run


def row_of(split: Split, place: int) -> dict[str, object]:
    return {name: column[place] for name, column in split.inputs.items()}


def encoded(data: Data, given: Sequence[Mapping[str, object]]) -> list[Mapping[str, NDArray[Any]]]:
    """Each as a row of tensors, without tails."""
    names = data.signature.input_names
    columns = encode_columns(data, {name: [inputs[name] for inputs in given] for name in names})
    return [{name: columns[name][place] for name in names} for place in range(len(given))]


def weakened(declared: Signature, verdict: Verdict) -> Iterator[str]:
    """What of the declared padding does not hold, in words."""
    for each in declared.inputs:
        found = verdict.signature.input(each.name).padding
        if found != each.padding:
            neighbours = verdict.evidence.neighbours
            seen = neighbours if found.kind == "alone" else verdict.evidence.padding[each.name]
            yield (
                f"input {each.name!r} is declared as {each.padding.kind!r}, which does not hold: {seen.reason}; "
                f"it is exported as {found.kind!r}"
            )


def golden(data: Data, model: Any) -> list[Golden]:
    """The golden inputs with the raw tensor of each head, each computed alone, as a caller would get it."""
    found = []
    for inputs in data.golden:
        rows = encode_columns(data, {name: [value] for name, value in inputs.items()})
        answers = predict(model, data, rows, size=1)
        found.append(Golden(dict(inputs), {head: answers[head][0].tolist() for head in data.signature.head_names}))
    return found
