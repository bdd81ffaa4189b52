"""Which versions are wanted, and what to do about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store.versions import Orders, Plan, State, VersionPolicy, plan, spare

A, L, E = State.AVAILABLE, State.LOADING, State.END


@pytest.mark.parametrize(
    ("text", "versions", "wanted"),
    [
        ("latest:1", [1, 2, 10], {10}),
        ("latest:2", [1, 2, 10], {2, 10}),
        ("latest:5", [1, 2], {1, 2}),
        ("all", [3, 1], {1, 3}),
        ("specific:2,7", [1, 2, 3], {2}),
        ("latest:1", [], set()),
    ],
)
def test_policy_chooses(text: str, versions: list[int], wanted: set[int]) -> None:
    assert VersionPolicy.parse(text).choose(versions) == wanted


@pytest.mark.parametrize("text", ["", "latest", "latest:0", "latest:x", "all:1", "specific:", "specific:1,x", "newest"])
def test_policy_refuses_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="expected latest:N"):
        VersionPolicy.parse(text)


@pytest.mark.parametrize(
    ("on_disk", "states", "failed", "expected"),
    [
        ([1], {}, [], Plan(load=(1,))),
        ([1], {1: A}, [], Plan()),
        ([1, 2], {1: A}, [], Plan(load=(2,))),
        ([1, 2], {1: A, 2: L}, [], Plan()),  # the old one answers until the new one can
        ([1, 2], {1: A, 2: A}, [], Plan(unload=(1,))),
        ([1, 2], {1: A, 2: E}, [2], Plan()),  # a bad one never takes over
        ([1, 2], {2: E}, [2], Plan(load=(1,))),  # the next best stands in
        ([], {1: A}, [], Plan(unload=(1,))),
    ],
)
def test_plan(on_disk: list[int], states: dict[int, State], failed: list[int], expected: Plan) -> None:
    assert plan(VersionPolicy.parse("latest:1"), on_disk, states, failed) == expected


@pytest.mark.parametrize(
    ("policy", "on_disk", "states", "failed", "expected"),
    [
        ("latest:1", [1, 2], {1: A, 2: L}, [], (1,)),  # the new one is loaded where the old one was
        ("latest:1", [2], {1: A, 2: L}, [], (1,)),
        ("latest:1", [1, 2], {1: L, 2: E}, [2], ()),
        ("latest:2", [1, 2, 3], {1: A, 2: A, 3: L}, [], (1,)),
        ("all", [1, 2], {1: A, 2: L}, [], ()),
    ],
)
def test_what_goes_before_another_is_loaded(
    policy: str, on_disk: list[int], states: dict[int, State], failed: list[int], expected: tuple[int, ...]
) -> None:
    assert spare(VersionPolicy.parse(policy), on_disk, states, failed) == expected


@given(st.sets(st.integers(1, 8)), st.dictionaries(st.integers(1, 8), st.sampled_from([State.AVAILABLE, State.END])))
def test_following_the_plan_ends_with_what_is_wanted(on_disk: set[int], states: dict[int, State]) -> None:
    policy = VersionPolicy.parse("latest:2")
    for _ in range(20):
        failed = [version for version, state in states.items() if state is E]
        step = plan(policy, on_disk, states, failed)
        if step == Plan():
            break
        answered_before = any(state is A for state in states.values())
        states |= dict.fromkeys(step.load, A)
        states = {version: state for version, state in states.items() if version not in step.unload}
        assert not (answered_before and on_disk - set(failed)) or any(state is A for state in states.values())
    wanted = policy.choose(on_disk - {version for version, state in states.items() if state is E})
    assert wanted <= {version for version, state in states.items() if state is A}


@pytest.mark.parametrize(
    ("on_disk", "states", "failed", "orders", "expected"),
    [
        ([1, 2], {1: A, 2: A}, [], Orders(kept=frozenset({1})), Plan()),
        ([1, 2, 3], {1: A, 3: A}, [], Orders(kept=frozenset({2})), Plan(load=(2,))),
        ([2], {1: A, 2: A}, [], Orders(kept=frozenset({1})), Plan(unload=(1,))),  # gone from disk
        ([1, 2], {2: A}, [1], Orders(kept=frozenset({1})), Plan()),  # failed
        ([1, 2], {1: A}, [], Orders(barred=frozenset({2})), Plan()),  # neither loaded, nor is the old one taken away
        ([1, 2], {}, [], Orders(barred=frozenset({2})), Plan()),  # nobody stands in for what was unloaded by hand
        ([1, 2, 3], {1: A}, [], Orders(barred=frozenset({2})), Plan(load=(3,))),
        ([1, 2], {2: A}, [], Orders(kept=frozenset({1}), barred=frozenset({1})), Plan()),
    ],
)
def test_what_people_decided_goes_before_the_policy(
    on_disk: list[int], states: dict[int, State], failed: list[int], orders: Orders, expected: Plan
) -> None:
    assert plan(VersionPolicy.parse("latest:1"), on_disk, states, failed, orders) == expected


NUMBERS = st.sets(st.integers(1, 6))


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_the_plan_takes_away_nothing_that_is_kept_and_loads_nothing_that_is_barred(
    on_disk: set[int], available: set[int], kept: set[int], barred: set[int]
) -> None:
    states = dict.fromkeys(available, A)
    step = plan(VersionPolicy.parse("latest:2"), on_disk, states, [], Orders(frozenset(kept), frozenset(barred)))
    assert not set(step.unload) & (kept & on_disk - barred)
    assert not set(step.load) & barred


def test_a_policy_admits_what_it_could_ever_choose() -> None:
    assert VersionPolicy.parse("latest:1").admits(7)
    assert VersionPolicy.parse("all").admits(7)
    assert VersionPolicy.parse("specific:1,7").admits(7)
    assert not VersionPolicy.parse("specific:1,2").admits(7)
