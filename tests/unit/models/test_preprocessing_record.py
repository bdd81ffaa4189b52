"""Records: fields become numbers side by side, and what does not fit is told by the field's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.preprocessing import Choice, Encoder, InvalidValue, Preprocessing, Quantity, Record, encoder
from models.signature import TensorSpec

RECORD = Record(
    (
        Choice("condition", ("new", "good", "worn")),
        Choice("brand", ("Nordfell", "Aria"), open=True),
        Quantity("age_months", 0, 240, mean=24, deviation=12, unit="months"),
    )
)
GOOD: dict[str, Any] = {"condition": "good", "brand": "Aria", "age_months": 36}


def records(record: Record = RECORD) -> Encoder:
    return encoder(record, TensorSpec("float32", (record.width,)), Path())


def test_fields_stand_side_by_side_in_declared_order() -> None:
    row = records().encode(dict(reversed(GOOD.items())))
    assert row.dtype == np.float32
    assert row.tolist() == [0, 1, 0, 0, 1, 1]


def test_an_open_choice_takes_what_it_does_not_know_as_zeros() -> None:
    assert records().encode(GOOD | {"brand": "Unheard Of"}).tolist() == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("value", [0, 240, 0.5, np.int64(3), np.float32(2.5)])
def test_a_quantity_takes_every_number_within_its_bounds(value: Any) -> None:
    assert records().encode(GOOD | {"age_months": value})[-1] == pytest.approx((float(value) - 24) / 12)


CONDITION = "'condition' one of new, good, worn"
BRAND = "'brand' text of 1 to 200 characters"
AGE = "'age_months' a number from 0 to 240 months"
FIELDS = "only the fields condition, brand, age_months"
OBJECT = "an object with the fields condition, brand, age_months"


@pytest.mark.parametrize(
    ("value", "expected", "got"),
    [
        (GOOD | {"condition": "brandnew"}, CONDITION, "text 'brandnew'"),
        (GOOD | {"condition": "New"}, CONDITION, "text 'New'"),
        (GOOD | {"condition": ""}, CONDITION, "empty text"),
        (GOOD | {"condition": None}, CONDITION, "null"),
        (GOOD | {"condition": ["new"]}, CONDITION, "a list of 1"),
        (GOOD | {"brand": ""}, BRAND, "empty text"),
        (GOOD | {"brand": "x" * 201}, BRAND, "text of 201 characters"),
        (GOOD | {"brand": 3}, BRAND, "the number 3"),
        (GOOD | {"age_months": 241}, AGE, "the number 241"),
        (GOOD | {"age_months": -0.5}, AGE, "the number -0.5"),
        (GOOD | {"age_months": float("nan")}, AGE, "not a finite number"),
        (GOOD | {"age_months": np.float32("inf")}, AGE, "not a finite number"),
        (GOOD | {"age_months": 10**400}, AGE, f"the number 1{'0' * 39}…"),
        (GOOD | {"age_months": True}, AGE, "true"),
        (GOOD | {"age_months": "12"}, AGE, "text '12'"),
        (GOOD | {"age_months": {}}, AGE, "an object"),
        (GOOD | {"age_months": b"1"}, AGE, "a Python bytes"),
        ({"condition": "new", "age_months": 3}, BRAND, "nothing"),
        (GOOD | {"colour": "red"}, FIELDS, "an unknown field 'colour'"),
        (GOOD | {7: "red"}, FIELDS, "an unknown field '7'"),
        ([1, 2, 3], OBJECT, "a list of 3"),
        ("new", OBJECT, "text 'new'"),
        (None, OBJECT, "null"),
    ],
)
def test_what_does_not_fit_is_told_by_the_name_of_its_field(value: object, expected: str, got: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        records().encode(value)
    assert (refused.value.expected, refused.value.got) == (expected, got)


def test_of_many_labels_the_first_are_listed() -> None:
    choice = Choice("size", tuple(f"s{number}" for number in range(13)))
    assert choice.expected == "'size' one of s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 3 more"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((), "fields of different names"),
        ((Choice("a", ("x",)), Quantity("a", 0, 1)), "fields of different names, not a, a"),
        ((Choice("a", ()),), "'a' needs labels"),
        ((Choice("a", ("x", "x")),), "'a' needs labels, each once"),
        ((Choice("a", ("",), open=True),), "labels of field 'a'"),
        ((Quantity("a", 1, 0),), "'a' needs a minimum"),
        ((Quantity("a", 0, float("inf")),), "'a' needs a minimum"),
        ((Quantity("a", 0, 1, deviation=0),), "a deviation above 0"),
    ],
)
def test_records_that_cannot_be_are_refused(fields: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        records(Record(fields))


@pytest.mark.parametrize("spec", [("float32", (5,)), ("float32", (None,)), ("float64", (6,))])
def test_the_tensor_has_to_be_as_wide_as_the_record(spec: Any) -> None:
    with pytest.raises(ValueError, match=r"float32 input of shape \[6\]"):
        encoder(RECORD, TensorSpec(*spec), Path())


def test_a_record_is_kept_in_json_as_it_is() -> None:
    assert msgspec.json.decode(msgspec.json.encode(RECORD), type=Preprocessing) == RECORD


@given(
    st.fixed_dictionaries(
        {
            "condition": st.sampled_from(["new", "good", "worn"]),
            "brand": st.text(min_size=1, max_size=200),
            "age_months": st.floats(0, 240) | st.integers(0, 240),
        }
    )
)
def test_every_record_within_its_bounds_is_a_finite_row(value: dict[str, object]) -> None:
    row = records().encode(value)
    assert row.shape == (6,)
    assert np.isfinite(row).all()
    assert row[:3].sum() == 1
