"""Held-out figures: what each kind of head scores, what a naive model scores, and when a goal is missed."""

from __future__ import annotations

import numpy as np
import pytest

from models.signature import Head, TensorSpec
from training.evaluation import macro_f1, mean_score, missed, naive_answers, parts, pearson, score
from training.recipe import Goal

AGE = Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression")
ROOM = Head(name="room", spec=TensorSpec("float32", (3,)), kind="classes", labels=("a", "b", "c"))
GENDER = Head(name="gender", spec=TensorSpec("float32", (1,)), kind="binary", labels=("male", "female"))


def test_a_number_scores_its_distance_and_the_median_is_naive() -> None:
    truth = np.array([20.0, 40.0])

    assert score(AGE, truth, np.array([[21.0], [37.0]])).tolist() == [1.0, 3.0]
    assert naive_answers(AGE, np.array([25.0, 90.0, 30.0]), 2).tolist() == [[30.0], [30.0]]


@pytest.mark.parametrize("truth", [np.array([0, 2]), np.eye(3)[[0, 2]], np.array([[0], [2]])])
def test_labels_are_compared_whether_one_hot_or_not(truth: np.ndarray) -> None:
    answers = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4]])

    assert score(ROOM, truth, answers).tolist() == [1.0, 0.0]
    assert mean_score(ROOM, truth, naive_answers(ROOM, np.array([2, 2, 1]), 2)) == 0.5


def test_a_probability_is_a_label_from_one_half_on() -> None:
    assert score(GENDER, np.array([0, 1, 1]), np.array([[0.4], [0.5], [0.1]])).tolist() == [1.0, 1.0, 0.0]


def test_the_most_frequent_label_is_naive() -> None:
    assert naive_answers(GENDER, np.array([1, 0, 1]), 2).tolist() == [[1.0], [1.0]]
    assert naive_answers(ROOM, np.eye(3)[[2, 1, 2]], 1).tolist() == [[0.0, 0.0, 1.0]]


def test_correlation_is_that_of_numpy_and_none_where_nothing_varies() -> None:
    truth, answer = np.array([0.1, 0.5, 0.9, 0.3]), np.array([[0.2], [0.3], [0.8], [0.6]])

    assert pearson(AGE, truth, answer) == pytest.approx(np.corrcoef(truth, answer[:, 0])[0, 1])
    assert pearson(AGE, truth, np.full((4, 1), 0.5)) == 0.0


def test_f1_is_the_mean_over_labels_however_rare() -> None:
    truth = np.array([0, 0, 0, 1])

    assert macro_f1(ROOM, truth, np.eye(3)[[0, 0, 1, 1]]) == pytest.approx((0.8 + 2 / 3) / 2)
    assert macro_f1(ROOM, truth, np.eye(3)[[0, 0, 0, 0]]) == pytest.approx((6 / 7 + 0) / 2)


def test_parts_by_group() -> None:
    found = parts("answer/accuracy/kind", np.array([1.0, 0.0, 1.0]), np.array(["one", "two", "one"]))

    assert found == {"answer/accuracy/kind=one": 1.0, "answer/accuracy/kind=two": 0.0}


def test_a_goal_is_missed_in_words() -> None:
    metrics = {"room/accuracy": 0.55, "room/accuracy/baseline": 0.5}

    assert missed(Goal("room", "accuracy", margin=0.05 - 1e-9), metrics) == ""
    assert "does not beat the naive 0.500 by 0.2" in missed(Goal("room", "accuracy", margin=0.2), metrics)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_meets_no_goal(value: float) -> None:
    assert not Goal("age", "mean_absolute_error", margin=1.0).is_met(value, 15.0)
    assert not Goal("age", "accuracy", margin=0.0).is_met(value, 0.5)


def test_an_error_must_lie_below_the_naive_one() -> None:
    assert Goal("age", "mean_absolute_error", margin=4.0).is_met(3.0, 15.0)
    assert not Goal("age", "mean_absolute_error", margin=4.0).is_met(14.0, 15.0)
