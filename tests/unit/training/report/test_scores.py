"""Figures beside their naive ones, figures by group, and how numbers are said."""

from __future__ import annotations

import pytest

from training.report.markup import number
from training.report.scores import Parts, Score, parts_of, scores_of

METRICS = {
    "age/mean_absolute_error": 2.0, "age/mean_absolute_error/baseline": 4.0,
    "answer/accuracy": 0.5, "answer/accuracy/baseline": 0.5,
    "answer/accuracy/task=10": 0.1, "answer/accuracy/task=2": 0.2, "answer/accuracy/kind=a/b": 0.3,
    "answer/accuracy/kind=x=y": 0.4,
}  # fmt: skip


def test_figures_have_their_naive_ones_and_no_parts() -> None:
    found = scores_of({**METRICS, "age/pearson": 0.9})

    assert found == [
        Score("age", "mean_absolute_error", 2.0, 4.0), Score("answer", "accuracy", 0.5, 0.5),
        Score("age", "pearson", 0.9, None),
    ]  # fmt: skip
    assert [each.better for each in found] == [True, False, None]


def test_parts_by_group_in_the_order_of_people() -> None:
    assert parts_of(METRICS) == [
        Parts("answer", "accuracy", "task", {"2": 0.2, "10": 0.1}),
        Parts("answer", "accuracy", "kind", {"a/b": 0.3, "x=y": 0.4}),
    ]
    assert list(parts_of(METRICS)[0].values) == ["2", "10"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.98765, "0.988"), (3.14159, "3.14"), (-3.14159, "−3.14"), (1234.5, "1,234.5"), (12_345.6, "12,346"),
        (20_861_480, "20,861,480"), (0.0, "0.000"), (3.9e-16, "0.000"), (0.00012, "1.2e-04"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_are_said_with_about_three_digits(value: float, said: str) -> None:
    assert number(value) == said
