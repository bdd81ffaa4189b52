"""Models of a few lines of numpy: what padding and neighbours do to each is known, and must be found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.evidence import Evidence
from models.padding_trial import Verdict, establish
from models.signature import Head, Input, Padding, Signature, TensorSpec
from models.trial_answers import TOLERANCE, difference
from models.trial_rows import least

Array = NDArray[Any]
Graph = Callable[[dict[str, Array]], Mapping[str, Array]]
PAD = Padding("pad")


def signature(heads: Collection[str] = ("y",), **inputs: tuple[str, tuple[int | None, ...], Padding]) -> Signature:
    declared = [
        Input(name=name, spec=TensorSpec(dtype, shape), padding=padding)
        for name, (dtype, shape, padding) in inputs.items()
    ]
    return Signature(tuple(declared), tuple(Head(name=name, spec=TensorSpec("float32", ())) for name in heads))


SERIES = signature(x=("float32", (None,), PAD))
WORDS = signature(x=("int32", (None,), PAD))
PAIR = signature(a=("float32", (None,), PAD), b=("float32", (None,), PAD))
FIXED = signature(x=("float32", (4,), Padding()), z=("float32", (2,), Padding()))


def trial(graph: Graph, declared: Signature = SERIES, **more: Any) -> Verdict:
    return establish(declared, lambda inputs, heads: graph(dict(inputs)), **more)


def kinds(verdict: Verdict) -> list[str]:
    return [each.padding.kind for each in verdict.signature.inputs]


def waves(x: Array) -> Array:
    """A number for each row that zeros behind it add nothing to."""
    return np.asarray(np.sin(x.reshape(len(x), -1)).sum(axis=1), np.float32)


def sums(inputs: dict[str, Array]) -> dict[str, Array]:
    return {"y": np.asarray(sum(weight * waves(x) for weight, x in enumerate(inputs.values(), 1)))}


def means(inputs: dict[str, Array]) -> dict[str, Array]:
    return {"y": inputs["x"].reshape(len(inputs["x"]), -1).mean(axis=1)}


def test_what_ignores_zeros_stays_padded_and_says_what_was_tried() -> None:
    verdict = trial(sums)
    assert verdict.signature == SERIES
    seen = verdict.evidence.padding["x"]
    assert (seen.reason, seen.shortest) == ("", 1)
    assert seen.rows >= 28
    assert seen.longest >= 17
    assert {1, 2, 3, 7, 64, 512} <= set(seen.zeros)
    assert verdict.evidence.neighbours.rows == 4
    assert verdict.evidence.batches == (2, 3, 4)
    assert msgspec.json.decode(msgspec.json.encode(verdict.evidence), type=Evidence) == verdict.evidence


def test_what_does_not_ignore_them_is_weakened_and_names_head_and_difference() -> None:
    two = signature(["still", "moving"], x=("float32", (None,), PAD))
    verdict = trial(lambda inputs: {"still": sums(inputs)["y"], "moving": means(inputs)["y"]}, two)
    assert kinds(verdict) == ["exact"]
    seen = verdict.evidence.padding["x"]
    assert seen.head == "moving"
    assert seen.difference > TOLERANCE
    assert f"head 'moving' moved by {seen.difference:.2g}" == seen.reason


def test_nothing_declared_is_strengthened_and_nothing_undeclared_supposed() -> None:
    undeclared = signature(x=("float32", (None,), Padding()))
    assert trial(sums, undeclared).signature == undeclared
    found = trial(sums, undeclared, is_declared=False)
    assert found.signature.inputs[0].padding == PAD
    assert kinds(trial(means, undeclared, is_declared=False)) == ["exact"]


def test_who_is_declared_to_run_alone_is_not_tried() -> None:
    alone = signature(x=("float32", (None,), Padding("alone")))

    def unwanted(inputs: dict[str, Array]) -> dict[str, Array]:
        raise AssertionError("it ran")

    assert trial(unwanted, alone) == Verdict(alone, Evidence())


@pytest.mark.parametrize(("tail", "kind"), [(3, "pad"), (2, "exact")])
def test_the_tail_counts_and_stays(tail: int, kind: str) -> None:
    """The last three steps are heard: a row needs as many zeros behind it, also alone."""

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        x = inputs["x"]
        return {"y": waves(x) + x[:, -3:].sum(axis=1)}

    verdict = trial(graph, signature(x=("float32", (None,), Padding("pad", tail))))
    assert verdict.signature.inputs[0].padding == Padding(kind, tail)  # type: ignore[arg-type]


def first_neighbour(x: Array) -> Array:
    return np.asarray(waves(x) + 0.01 * waves(x)[0])


MIXING: dict[str, Callable[[Array], Array]] = {
    "shares of the whole batch": lambda x: np.exp(waves(x)) / np.exp(waves(x)).sum(),
    "the mean of the batch": lambda x: waves(x) - waves(x).mean(),
    "the size of the batch": lambda x: waves(x) / len(x),
    "the first of the batch": first_neighbour,
    "the row before": lambda x: waves(x) + 1e-3 * np.roll(waves(x), 1),
    "only a large neighbour": lambda x: waves(x / np.maximum(1, np.abs(x).max() / 10)),
    "a running sum": lambda x: np.cumsum(waves(x)),
}


@pytest.mark.parametrize("name", MIXING)
def test_whose_neighbours_matter_runs_alone_with_all_its_inputs(name: str) -> None:
    mix = MIXING[name]
    fixed = trial(lambda inputs: {"y": mix(inputs["x"]) + waves(inputs["z"])}, FIXED)
    assert kinds(fixed) == ["alone", "alone"]
    assert "head 'y' moved by" in fixed.evidence.neighbours.reason
    assert kinds(trial(lambda inputs: {"y": mix(inputs["x"])})) == ["alone"]


def test_what_takes_one_row_at_a_time_runs_alone() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        if len(inputs["x"]) != 1:
            raise ValueError("one row, please\nand more")
        return sums(inputs)

    verdict = trial(graph, FIXED)
    assert kinds(verdict) == ["alone", "alone"]
    assert verdict.evidence.neighbours.reason == "ValueError: one row, please"
    assert kinds(trial(lambda inputs: {"y": sums(inputs)["y"][:1]}, FIXED)) == ["alone", "alone"]


def test_a_raise_on_padded_rows_is_not_safe() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        if inputs["x"].shape[1] > 40:
            raise IndexError("no 41st place")
        return sums(inputs)

    assert trial(graph).evidence.padding["x"].reason == "IndexError: no 41st place"


def test_a_row_that_is_too_short_alone_would_be_answered_in_company() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        if inputs["x"].shape[1] < 5:
            raise ValueError("too short")
        return sums(inputs)

    verdict = trial(graph)
    assert kinds(verdict) == ["exact"]
    assert "shorter than 5 raises alone" in verdict.evidence.padding["x"].reason
    with_tail = signature(x=("float32", (None,), Padding("pad", 4)))
    assert trial(graph, with_tail).signature == with_tail


LOOKALIKES: dict[str, Callable[[Array], Array]] = {
    "a maximum, where zero seldom is the largest": lambda x: x.max(axis=1),
    "a minimum of positive numbers": lambda x: np.abs(x).min(axis=1),
    "only tiny values are moved": lambda x: np.where(np.abs(x).max(axis=1) < 0.1, x.shape[1], 0) + waves(x),
    "only large values are moved": lambda x: np.where(np.abs(x).max(axis=1) > 30, x.shape[1], 0) + waves(x),
    "only rows without a zero are moved": lambda x: waves(x) + (x == 0).any(axis=1),
    "only the last 300 steps count": lambda x: waves(x[:, -300:]),
    "length, but little of it": lambda x: waves(x) + 1e-4 * x.shape[1],
    "the number of zeros is odd": lambda x: waves(x) + (x == 0).sum(axis=1) % 2,
    "only beyond a power of two": lambda x: waves(x) + x.shape[1] // 64,
    "rows of one step": lambda x: waves(x) + (x.shape[1] == 1),
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_only_looks_safe_is_found_out(name: str) -> None:
    encode = LOOKALIKES[name]
    for declared in (SERIES, signature(x=("float32", (None, 3), PAD))):
        verdict = trial(
            lambda inputs: {"y": encode(inputs["x"].sum(axis=2) if inputs["x"].ndim == 3 else inputs["x"])}, declared
        )
        assert kinds(verdict) == ["exact"], verdict.evidence


def test_a_head_that_hardly_moves_is_looked_at_more_closely() -> None:
    """Within the tolerance, but half of all that this head ever makes of a row."""
    verdict = trial(lambda inputs: {"y": 1e-5 * np.tanh(waves(inputs["x"])) + 4e-6 * (inputs["x"].shape[1] > 20)})
    assert kinds(verdict) == ["exact"]
    assert verdict.evidence.padding["x"].difference < TOLERANCE


def test_heads_that_are_always_the_same_prove_nothing() -> None:
    two = signature(["same", "other"], x=("float32", (None,), PAD))
    same = trial(lambda inputs: dict.fromkeys(("same", "other"), np.ones(len(inputs["x"]))), two)
    assert kinds(same) == ["exact"]
    assert same.evidence.constant_heads == ("same", "other")

    def half(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"same": np.ones(len(inputs["x"])), "other": waves(inputs["x"])}

    assert kinds(trial(half, two)) == ["pad"], "its author says so"
    assert trial(half, two).evidence.constant_heads == ("same",)
    undeclared = trial(half, two, is_declared=False)
    assert kinds(undeclared) == ["exact"]
    assert "'same' gives every row the same answer" in undeclared.evidence.padding["x"].reason


def test_an_input_that_no_head_answers_to_is_not_padded() -> None:
    verdict = trial(lambda inputs: {"y": waves(inputs["a"])}, PAIR)
    assert kinds(verdict) == ["pad", "exact"]
    assert verdict.evidence.padding["b"].reason == "no head answers to it"


def test_each_input_is_judged_by_itself() -> None:
    verdict = trial(lambda inputs: {"y": waves(inputs["a"]) + inputs["b"].mean(axis=1)}, PAIR)
    assert kinds(verdict) == ["pad", "exact"]


def test_inputs_that_bear_padding_one_at_a_time_may_not_bear_it_together() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": sums(inputs)["y"] + (inputs["a"].shape[1] > 5) * (inputs["b"].shape[1] > 5)}

    verdict = trial(graph, PAIR)
    assert kinds(verdict) == ["exact", "exact"]
    assert all("together with the other inputs: head 'y'" in each.reason for each in verdict.evidence.padding.values())


def test_inputs_of_one_length_are_not_padded_one_at_a_time() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": waves(inputs["a"] + inputs["b"])}

    assert kinds(trial(graph, PAIR)) == ["exact", "exact"]


@pytest.mark.parametrize("moves", [lambda a, b: a % 8, lambda a, b: b % 8, lambda a, b: a > b, lambda a, b: a < b])
def test_every_ragged_axis_is_padded_by_itself_and_with_the_others(moves: Callable[[int, int], int]) -> None:
    picture = signature(x=("float32", (None, None, 2), PAD))
    assert kinds(trial(sums, picture)) == ["pad"]
    moved = trial(lambda inputs: {"y": waves(inputs["x"]) + moves(*inputs["x"].shape[1:3])}, picture)
    assert kinds(moved) == ["exact"]


def test_numbers_that_are_none_are_equal_where_both_are() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        answer = waves(inputs["x"])
        return {"y": np.where(answer > 1, np.nan, np.where(answer < -1, np.inf, answer))}

    assert kinds(trial(graph)) == ["pad"]
    verdict = trial(lambda inputs: {"y": np.where(inputs["x"].shape[1] > 3, np.nan, waves(inputs["x"]))})
    assert "not finite" in verdict.evidence.padding["x"].reason


def test_an_answer_for_each_step_is_not_padded() -> None:
    verdict = trial(lambda inputs: {"y": np.sin(inputs["x"])})
    assert verdict.evidence.padding["x"].reason.startswith("head 'y' has shape [")
    assert kinds(verdict) == ["exact"]


def embedding(size: int, table: Array) -> Callable[[Array], Array]:
    def look_up(ids: Array) -> Array:
        if (ids < 0).any() or (ids >= size).any():
            raise IndexError("no such id")
        return np.asarray(table[ids.astype(int)])

    return look_up


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
@pytest.mark.parametrize("size", [3, 150, 20_000])
def test_ids_are_such_as_the_graph_takes(dtype: str, size: int) -> None:
    """Also where they are written as floats. Beyond the vocabulary the graph raises."""
    table = np.sin(np.arange(size, dtype=float))
    look_up, seen = embedding(size, table), set[int]()

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        assert (inputs["x"] == inputs["x"].astype(int)).all() or not seen, "an id is a whole number"
        found = look_up(inputs["x"])
        seen.update(inputs["x"].astype(int).reshape(-1).tolist())
        return {"y": found.sum(axis=1)}

    declared = signature(x=(dtype, (None,), Padding()))
    assert kinds(trial(graph, declared, is_declared=False)) == ["pad"]
    assert max(seen) >= min(size, 200) // 10
    assert len(seen) > min(size, 100) // 2


@pytest.mark.parametrize(("size", "seconds"), [(64, 0), (300, 5)])
def test_one_id_of_many_shows_what_a_maximum_makes_of_zeros(size: int, seconds: float) -> None:
    """The zeroth vector is below all others but one: a row of that one alone is moved."""
    table = np.concatenate([[-1.0], np.linspace(0, 1, size - 1)])
    table[37] = -2.0
    look_up = embedding(size, table)

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": look_up(inputs["x"]).max(axis=1)}

    assert kinds(trial(graph, WORDS, ranges={"x": (0, size)}, seconds=seconds)) == ["exact"]


def test_values_stay_within_what_the_manifest_says() -> None:
    seen: list[Array] = []

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(inputs["x"][:, 0])
        return sums(inputs)

    trial(graph, ranges={"x": (2.0, 3.0)})
    values = np.concatenate(seen)
    assert (values.min() >= 2, values.max() <= 3) == (True, True)
    assert len(np.unique(values)) > 20


def test_real_rows_are_tried_too_and_very_long_ones_are_not() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        longest.append(inputs["x"].shape[1])
        is_real = (inputs["x"].reshape(len(inputs["x"]), -1) == 777).any(axis=1)
        return {"y": waves(inputs["x"]) + is_real * inputs["x"].shape[1]}

    longest: list[int] = []
    real = [{"x": np.full(length, value, np.float32)} for length, value in ((3, 1.0), (20, 777.0))]
    assert kinds(trial(graph)) == ["pad"]
    assert kinds(trial(graph, rows=real)) == ["exact"]
    longest.clear()
    trial(graph, rows=[{"x": np.ones(5_000, np.float32)}, real[0]])
    assert max(longest) < 1_000
    wide = signature(x=("float32", (None, 1_200), PAD))
    rows = [{"x": np.full((2, 1_200), 777, np.float32)}]
    assert kinds(trial(graph, wide, rows=rows)) == ["exact"], "wide is not long"


def test_real_rows_are_among_neighbours() -> None:
    real = [{"x": np.full(4, 777, np.float32), "z": np.ones(2, np.float32)}]

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        return {"y": sums(inputs)["y"] + (inputs["x"] == 777).any()}

    assert kinds(trial(graph, FIXED)) == ["exact", "exact"]
    assert kinds(trial(graph, FIXED, rows=real)) == ["alone", "alone"]
    assert kinds(trial(graph, rows=[{"x": np.full(3, 777, np.float32)}])) == ["alone"]


@pytest.mark.parametrize("value", [None, 777])
def test_rows_are_tried_beside_longer_ones(value: float | None) -> None:
    """A row is moved by one that ends much later than itself, which none of its own length does."""

    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        x = inputs["x"]
        ends = np.max((x != 0) * np.arange(1, x.shape[1] + 1), axis=1)
        concerned = (x == value).any(axis=1) if value else np.ones(len(x), bool)
        return {"y": waves(x) + concerned * (ends.max() - ends > 6)}

    real = [{"x": np.full(3, value, np.float32)}] if value else []
    assert kinds(trial(graph, rows=real)) == ["exact"]


def test_more_is_tried_while_there_is_time_and_what_is_needed_in_any_case() -> None:
    moments = iter(range(10_000))
    hurried = trial(sums).evidence
    patient = trial(sums, seconds=40, clock=lambda: float(next(moments))).evidence
    assert patient.padding["x"].rows > 4 * hurried.padding["x"].rows
    assert patient.neighbours.rows > hurried.neighbours.rows


def test_without_two_rows_that_run_nothing_is_known_of_neighbours() -> None:
    def graph(inputs: dict[str, Array]) -> dict[str, Array]:
        raise ValueError("never")

    verdict = trial(graph)
    assert kinds(verdict) == ["alone"]
    assert verdict.evidence.neighbours.reason == "no two rows of one shape could be run"


def test_equal_is_relative_to_the_answer_and_of_whole_numbers_exact() -> None:
    assert difference(np.array([1e6]), np.array([1e6 + 1])) < TOLERANCE
    assert difference(np.array([1_000_000]), np.array([1_000_001])) == 1
    assert difference(np.array([2**60]), np.array([2**60 + 1])) == 1
    assert (
        difference(np.array([0.5]), np.array([0.50001])) < TOLERANCE < difference(np.array([0.5]), np.array([0.50002]))
    )
    assert difference(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])) == 0
    assert difference(np.array([np.nan]), np.array([1.0])) == difference(np.array([1.0]), np.array([np.inf])) == np.inf


@pytest.mark.parametrize("shortest", [1, 2, 3, 7, 100, 256])
def test_the_shortest_row_that_runs_is_found(shortest: int) -> None:
    assert least(lambda length: length >= shortest) == shortest


def test_no_row_is_looked_for_without_end() -> None:
    assert least(lambda length: False) is None


def test_rows_without_axes_are_tried_too() -> None:
    """One number, and one string, for each row."""
    signature = Signature(
        (Input(name="x", spec=TensorSpec("float32", ())), Input(name="word", spec=TensorSpec("string", ()))),
        (Head(name="y", spec=TensorSpec("float32", ())), Head(name="same", spec=TensorSpec("string", ()))),
    )
    verdict = establish(signature, lambda inputs, heads: {"y": inputs["x"] * 2, "same": inputs["word"] + b"!"})
    assert verdict.evidence.neighbours.rows > 0
    assert {each.padding.kind for each in verdict.signature.inputs} == {"exact"}


def test_a_string_that_neighbours_change_is_seen() -> None:
    signature = Signature(
        (Input(name="word", spec=TensorSpec("string", ())),), (Head(name="last", spec=TensorSpec("string", ())),)
    )
    verdict = establish(signature, lambda inputs, heads: {"last": np.repeat(inputs["word"][-1:], len(inputs["word"]))})
    assert verdict.signature.input("word").padding.kind == "alone"
