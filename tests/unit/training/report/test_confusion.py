"""The matrix of a few labels, of many, and of labels that nobody knows; the mistakes made most often."""

from __future__ import annotations

import numpy as np
import pytest

from training.report.confusion import OTHERS, UNKNOWN, Mistake, confusion_of, mistakes


def test_rows_are_the_truth_and_columns_the_answers() -> None:
    found = confusion_of(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["cat", "dog", "fish"])

    assert found.labels == ("cat", "dog", "fish")
    assert found.counts.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert found.rates.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("labels", [10, 24, 25, 100, 1_000])
def test_no_example_is_lost_and_the_matrix_stays_small(labels: int) -> None:
    random = np.random.default_rng([labels])
    truth, answer = (random.integers(-1, labels, 5_000) for _ in range(2))
    found = confusion_of(truth, np.maximum(answer, 0), [f"label {each}" for each in range(labels)])

    assert found.counts.sum() == 5_000
    assert found.counts.shape == (len(found.labels), len(found.labels))
    assert len(found.labels) <= 26
    assert UNKNOWN in found.labels
    assert found.left_out == max(labels - 23, 0) * (labels > 24)


def test_of_many_labels_the_most_frequent_stay_in_their_order() -> None:
    truth = np.array([7, 7, 7, 2, 2, 5, 9])
    found = confusion_of(truth, truth, [f"label {each}" for each in range(30)], most=3)

    assert found.labels == ("label 2", "label 7", OTHERS.format(count=28))
    assert np.diag(found.counts).tolist() == [2, 3, 2]


def test_of_many_labels_those_that_never_occur_are_left_out() -> None:
    found = confusion_of(np.array([3, 20]), np.array([3, 3]), [f"label {each}" for each in range(30)])

    assert found.labels == ("label 3", "label 20")
    assert found.left_out == 0


def test_mistakes_by_how_often_they_were_made() -> None:
    truth, answer = np.array([0, 0, 0, 1, -1]), np.array([1, 1, 0, 2, 2])

    assert mistakes(truth, answer, ["a", "b", "c"]) == [
        Mistake("a", "b", 2, 3), Mistake("b", "c", 1, 1), Mistake(UNKNOWN, "c", 1, 1),
    ]  # fmt: skip
    assert mistakes(truth, answer, ["a", "b", "c"], most=1) == [Mistake("a", "b", 2, 3)]
    assert mistakes(np.array([2]), np.array([2]), ["a", "b", "c"]) == []
