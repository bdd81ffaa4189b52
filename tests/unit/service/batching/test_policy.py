"""What a policy may say."""

from typing import Any

import pytest

from service.batching.policy import BatchPolicy


def test_by_default_nobody_waits_for_company() -> None:
    assert BatchPolicy() == BatchPolicy("auto", 0.0, 1024, 15.0, 1, ())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_batch_size": 0}, "max_batch_size must be at least 1, not 0"),
        ({"max_queue_size": -1}, "max_queue_size must be at least 1, not -1"),
        ({"instances": 0}, "instances must be at least 1, not 0"),
        ({"max_queue_delay": -0.1}, "not -0.1"),
        ({"max_queue_delay": float("nan")}, "not nan"),
        ({"max_queue_delay": float("inf")}, "not inf"),
        ({"latency_target": 0}, "above 0, not 0"),
        ({"buckets": (8, 4)}, r"ascending lengths from 1, not \(8, 4\)"),
        ({"buckets": (4, 4)}, "ascending"),
        ({"buckets": (0, 4)}, "ascending"),
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchPolicy(**wrong)
