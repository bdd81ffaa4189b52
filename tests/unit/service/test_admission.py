"""Who may enter."""

import pytest

from service.admission import Admission
from service.errors import Overloaded, ShuttingDown


def test_counts_who_is_inside_and_refuses_one_too_many() -> None:
    admission = Admission(max_in_flight=1, retry_after=2.0)
    with admission.enter():
        assert repr(admission) == "<Admission [1 of 1]>"
        with pytest.raises(Overloaded) as refusal, admission.enter():
            pass
        assert refusal.value.retry_after == 2.0
    assert admission.in_flight == 0


def test_leaves_by_exception_too() -> None:
    admission = Admission(1)
    with pytest.raises(KeyError), admission.enter():
        raise KeyError
    assert admission.in_flight == 0


def test_draining_still_answers_and_closed_does_not() -> None:
    admission = Admission(1)
    admission.drain()
    assert admission.is_draining
    with admission.enter():
        pass
    admission.close()
    with pytest.raises(ShuttingDown), admission.enter():
        pass
    assert repr(admission) == "<Admission [0 of 1] closed>"
