"""Why rows are padded, share batches or run alone, as people are told."""

from __future__ import annotations

from typing import Any

import pytest

from models.evidence import Evidence, PaddingSeen, Seen
from models.signature import Input, Padding, TensorSpec
from service.codec.evidence import describe_padding

NEIGHBOURS = Seen(rows=4, head="age", difference=2e-8)
PADDED = PaddingSeen(rows=34, head="age", difference=3.4e-8, shortest=1, longest=44, zeros=(1, 64, 512))


def told(kind: Any, evidence: Evidence | None, shape: tuple[int | None, ...] = (None,)) -> Any:
    each = Input(name="text", spec=TensorSpec("int32", shape), padding=Padding(kind, tail=2))
    return describe_padding(each, evidence)


def test_a_trial_is_told_in_words_and_numbers() -> None:
    evidence = Evidence(NEIGHBOURS, (2, 3, 4), {"text": PADDED}, ("mood",))
    assert told("pad", evidence) == {
        "kind": "pad",
        "tail": 2,
        "evidence": {
            "summary": "34 rows of length 1 to 44 were answered as alone, beside longer ones and with up to 512 zeros "
            "behind them: no head moved by more than 3.4e-08",
            "padding": {"rows": 34, "head": "age", "difference": 3.4e-8, "lengths": [1, 44], "zeros": [1, 64, 512]},
            "neighbours": {"rows": 4, "head": "age", "difference": 2e-8, "batches": [2, 3, 4]},
            "constant_heads": ["mood"],
        },
    }


@pytest.mark.parametrize(
    ("kind", "evidence", "summary"),
    [
        ("pad", None, "not tried"),
        ("alone", Evidence(), "declared, not tried"),
        (
            "alone",
            Evidence(Seen(4, "age", 0.3, "head 'age' moved by 0.3"), (2,)),
            "rows run alone: in company, head 'age' moved by 0.3",
        ),
        (
            "exact",
            Evidence(Seen(4), (2,), {"text": PaddingSeen(8, "age", 0.1, "head 'age' moved by 0.1", 1, 2, (1,))}),
            "only rows of equal shape run together: head 'age' moved by 0.1",
        ),
        (
            "exact",
            Evidence(Seen(4), (2,)),
            "declared so that only rows of equal shape run together; 4 of them were answered as alone: no head moved",
        ),
    ],
)
def test_each_verdict_has_its_reason(kind: str, evidence: Evidence | None, summary: str) -> None:
    assert told(kind, evidence)["evidence"]["summary"] == summary


def test_an_input_of_one_shape_has_nothing_to_tell_unless_its_rows_run_alone() -> None:
    assert told("exact", Evidence(NEIGHBOURS), (3,)) is None
    assert told("alone", None, (3,))["kind"] == "alone"
