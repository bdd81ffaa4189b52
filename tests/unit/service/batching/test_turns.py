"""Whose turn it is on a device that several models share, and that nobody sleeps through his."""

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.batching.turns import Turns


class Model:
    """Counts how often it was woken since it last asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.woken = 0

    def __repr__(self) -> str:
        return self.name

    def wake(self) -> None:
        self.woken += 1


def models(names: str) -> list[Model]:
    return [Model(name) for name in names]


def flood(turns: Turns, costs: dict[Model, float], until: float) -> list[Model]:
    """Who ran, in order, when all of these always want the next turn and batches take so long."""
    ran: list[Model] = []
    now = 0.0
    running = next(each for each in costs if turns.claim(each))
    for each in costs:
        if each is not running:
            assert not turns.claim(each)
    while now < until:
        ran.append(running)
        now += costs[running]
        for each in costs:
            each.woken = 0
        turns.done(running, costs[running])
        turns.claim(running)
        if not turns._running[running]:
            (running,) = [each for each in costs if each.woken]
            assert turns.claim(running)
    turns.done(running, 0.0)
    return ran


def seconds(ran: Iterable[Model], costs: dict[Model, float]) -> dict[str, float]:
    paid = {each.name: 0.0 for each in costs}
    for each in ran:
        paid[each.name] += costs[each]
    return paid


def test_two_flooded_models_of_equal_batches_alternate() -> None:
    a, b = models("ab")
    ran = flood(Turns(1), {a: 1.0, b: 1.0}, 10)
    assert "".join(each.name for each in ran) in ("abababababab"[: len(ran)], "babababababa"[: len(ran)])


@pytest.mark.parametrize("costs", [(1.0, 0.1), (0.1, 1.0), (3.0, 1.0, 0.25)])
def test_flooded_models_get_the_same_seconds_however_long_their_batches_are(costs: tuple[float, ...]) -> None:
    by_model = dict(zip(models("abc"), costs, strict=False))
    paid = seconds(flood(Turns(1), by_model, 60), by_model)
    assert max(paid.values()) - min(paid.values()) <= max(costs) + 1e-9


def test_a_newcomer_is_next_at_once() -> None:
    turns = Turns(1)
    a, b, newcomer = models("abc")
    flood(turns, {a: 1.0, b: 1.0}, 20)
    running = next(each for each in (a, b) if turns.claim(each))
    other = b if running is a else a
    turns.claim(other)
    assert not turns.claim(newcomer)
    turns.done(running, 1.0)
    assert not turns.claim(running)
    order = []
    for _ in range(3):
        (granted,) = [each for each in (a, b, newcomer) if turns.claim(each)]
        order.append(granted)
        turns.done(granted, 1.0)
    assert newcomer in order[:2]  # one other may have paid as little
    assert len(set(order)) == 3


def test_nobody_saves_up_turns_while_idle() -> None:
    turns = Turns(1)
    busy, idle = models("ab")
    assert turns.claim(idle)
    turns.done(idle, 1.0)
    for _ in range(100):
        assert turns.claim(busy)
        turns.done(busy, 1.0)
    ran = flood(turns, {busy: 1.0, idle: 1.0}, 20)
    assert abs(ran.count(busy) - ran.count(idle)) <= 2


def test_who_is_not_next_waits_though_a_turn_is_free() -> None:
    turns = Turns(1)
    a, b, c = models("abc")
    assert turns.claim(a)
    assert not turns.claim(b)
    assert not turns.claim(c)
    turns.done(a, 1.0)
    assert (b.woken, c.woken) == (1, 0)
    assert not turns.claim(a)
    assert not turns.claim(c)
    assert turns.claim(b)
    assert repr(turns) == "<Turns [1 of 1 running, 2 models waiting]>"


def test_a_turn_that_two_waited_for_comes_to_both_when_two_are_given_back_at_once() -> None:
    turns = Turns(2)
    a, b, c, d = models("abcd")
    assert turns.claim(a)
    assert turns.claim(b)
    assert not turns.claim(c)
    assert not turns.claim(d)
    turns.done(a, 1.0)
    turns.done(b, 1.0)
    assert turns.claim(c)
    assert d.woken
    assert turns.claim(d)


@pytest.mark.parametrize("how", ["withdraw", "leave"])
def test_who_is_next_and_does_not_want_it_any_more_passes_it_on(how: str) -> None:
    turns = Turns(1)
    a, b, c = models("abc")
    turns.claim(a)
    turns.claim(b)
    turns.claim(c)
    turns.done(a, 1.0)
    getattr(turns, how)(b)
    assert c.woken == 1
    assert turns.claim(c)
    assert repr(turns) == "<Turns [1 of 1 running, 0 models waiting]>"


def test_to_withdraw_without_waiting_wakes_nobody() -> None:
    turns = Turns(1)
    a, b, c = models("abc")
    turns.claim(a)
    turns.claim(b)
    turns.done(a, 1.0)
    turns.withdraw(c)
    assert b.woken == 1


def test_who_leaves_while_its_batch_runs_keeps_the_turn_until_that_is_done_and_is_forgotten_then() -> None:
    turns = Turns(1)
    a, b = models("ab")
    turns.claim(a)
    turns.claim(b)
    turns.leave(a)
    assert (b.woken, turns.claim(b)) == (0, False)
    turns.done(a, 1.0)
    assert b.woken == 1
    assert turns.claim(b)
    turns.done(b, 1.0)
    turns.leave(b)
    assert not turns._paid
    assert not turns._running
    assert not turns._gone


def test_with_two_batches_running_who_leaves_is_forgotten_after_the_last() -> None:
    turns = Turns(2)
    (a,) = models("a")
    assert turns.claim(a)
    assert turns.claim(a)
    turns.leave(a)
    turns.done(a, 1.0)
    assert turns._gone == {a}
    turns.done(a, 1.0)
    assert repr(turns) == "<Turns [0 of 2 running, 0 models waiting]>"
    assert not turns._gone


def test_work_stretches_with_those_who_want_turns() -> None:
    turns = Turns(2)
    a, b, c, d = models("abcd")
    assert turns.stretch(a) == 1
    assert turns.claim(a)
    assert turns.claim(b)
    assert turns.stretch(a) == 1
    assert not turns.claim(c)
    assert turns.stretch(a) == 1.5
    assert turns.stretch(d) == 2
    turns.done(a, 1.0)
    assert turns.stretch(b) == 1


class Schedules(RuleBasedStateMachine):
    """Any order of asking, ending, giving up and leaving."""

    @initialize(slots=st.integers(1, 3))
    def begin(self, slots: int) -> None:
        self.slots = slots
        self.turns = Turns(slots)
        self.models = models("abcd")
        self.running = dict.fromkeys(self.models, 0)
        self.gone: set[Model] = set()

    @precondition(lambda self: len(self.gone) < 4)
    @rule(number=st.integers(0, 3))
    def claim(self, number: int) -> None:
        model = self.models[number]
        if model in self.gone:
            return
        free = self.slots - sum(self.running.values())
        granted = self.turns.claim(model)
        model.woken = 0
        if granted:
            self.running[model] += 1
        others = [each for each in self.turns._waiting if each is not model]
        paid = self.turns._paid
        if granted:
            assert free
            assert all(paid[each] >= paid[model] for each in others)
        elif free:
            assert any(paid[each] <= paid[model] for each in others)

    @precondition(lambda self: any(self.running.values()))
    @rule(number=st.integers(0, 11), took=st.sampled_from([0.0, 0.5, 1.0, 7.0]))
    def done(self, number: int, took: float) -> None:
        busy = [model for model, count in self.running.items() for _ in range(count)]
        model = busy[number % len(busy)]
        self.running[model] -= 1
        self.turns.done(model, took)

    @rule(number=st.integers(0, 3))
    def withdraw(self, number: int) -> None:
        self.turns.withdraw(self.models[number])

    @precondition(lambda self: len(self.gone) < 2)
    @rule(number=st.integers(0, 3))
    def leave(self, number: int) -> None:
        model = self.models[number]
        if model not in self.gone:
            self.gone.add(model)
            self.turns.leave(model)

    @invariant()
    def counts_are_right(self) -> None:
        count = sum(self.running.values())
        assert count <= self.slots
        waiting = len(self.turns._waiting)
        assert repr(self.turns) == f"<Turns [{count} of {self.slots} running, {waiting} models waiting]>"

    @invariant()
    def nobody_sleeps_while_it_could_run(self) -> None:
        waiting = self.turns._waiting
        if sum(self.running.values()) < self.slots and waiting:
            first = min(waiting, key=lambda each: self.turns._paid[each])
            assert isinstance(first, Model)
            assert first.woken

    @invariant()
    def who_is_gone_and_does_not_run_is_forgotten(self) -> None:
        for model in self.gone:
            if not self.running[model]:
                assert model not in self.turns._paid
                assert model not in self.turns._running


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)


def test_turns_are_free_while_nobody_would_wait_for_one() -> None:
    turns = Turns(1)
    a, b = models("ab")
    told = [turns.is_free]
    turns.claim(a)
    told.append(turns.is_free)
    turns.claim(b)
    turns.done(a, 1.0)
    told.append(turns.is_free)  # it is b's
    turns.claim(b)
    turns.done(b, 1.0)
    assert [*told, turns.is_free] == [True, False, False, True]
