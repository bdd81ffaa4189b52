"""Every error has a status and a body."""

import inspect

import orjson
import pytest

from service import errors
from service.api.errors import STATUS, refusal

CLASSES = [
    each for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.ServiceError) and each is not errors.ServiceError
]  # fmt: skip


def test_every_class_of_the_tree_has_a_row() -> None:
    assert set(STATUS) == set(CLASSES)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    assert all(each.__name__ in errors.__doc__ for each in CLASSES)


@pytest.mark.parametrize("error", [errors.Overloaded("full", 2.3), errors.ShuttingDown("bye")])
def test_who_may_come_back_is_told_when(error: errors.ServiceError) -> None:
    assert refusal(error, "id").headers["retry-after"] == ("3" if isinstance(error, errors.Overloaded) else "1")


def test_who_has_no_token_is_told_which_kind_is_wanted() -> None:
    assert refusal(errors.Unauthenticated("no token"), "id").headers["www-authenticate"] == "Bearer"
    assert "www-authenticate" not in refusal(errors.Forbidden("off"), "id").headers


def test_heads_that_are_no_numbers_are_listed() -> None:
    broken = [errors.NotFinite("age", [0, 2]), errors.NotFinite("room")]
    told = orjson.loads(refusal(errors.InferenceFailed("no number", broken), "an-id").body)["error"]
    assert (told["code"], told["problems"]) == ("inference_failed", [{"head": "age", "rows": [0, 2]}, {"head": "room"}])
    assert "problems" not in orjson.loads(refusal(errors.InferenceFailed("it raised"), "an-id").body)["error"]


def test_problems_are_listed() -> None:
    response = refusal(errors.InvalidInput(errors.Problem("text", "null", "posts", 3)), "an-id")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/json"
    assert orjson.loads(response.body) == {
        "error": {
            "code": "invalid_input",
            "message": "input 'posts', row 3: expected text, got null",
            "request_id": "an-id",
            "problems": [{"input": "posts", "row": 3, "expected": "text", "got": "null"}],
        }
    }
