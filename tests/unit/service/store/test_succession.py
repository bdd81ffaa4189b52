"""Which versions a new one is judged by, and what follows from its being refused."""

from dataclasses import replace

import pytest

from service.errors import ChangeRefused
from service.events import ContractBroken, VersionLoaded
from tests.unit.service.store.world import World

pytestmark = pytest.mark.anyio


async def serving(*versions: int, policy: str = "latest:1", labels: dict[str, int] | None = None) -> World:
    """A world with `m`, whose versions are loaded as the policy says; what was judged so far does not count."""
    world = World(labels, policy)
    world.put("m", versions)
    await world.manager.reconcile()
    world.judged.clear()
    return world


async def coming(world: World, *versions: int, mark: str = "") -> None:
    """The store has these versions now."""
    world.put("m", versions, mark)
    await world.manager.reconcile()


async def test_a_new_version_is_judged_by_the_one_that_answers() -> None:
    world = await serving(1)
    await coming(world, 1, 2)
    assert world.judged == [(2, {1: "m/1"})]
    await coming(world, 1, 2, 4)
    assert world.judged[1:] == [(4, {2: "m/2"})]


async def test_one_that_is_refused_never_loads_and_the_old_one_answers_on() -> None:
    world = await serving(1)
    world.breaking["m", 2] = False
    await coming(world, 1, 2)
    await world.manager.reconcile()
    assert (world.answers("m"), world.loaded) == ("m/1", ["m/1"])
    assert [each.reason for each in world.manager.status_of("m").versions] == ["", "it breaks the contract"]
    assert [number for number, _ in world.judged] == [2]  # once
    assert world.is_ready()
    await coming(world, 1, 2, 3)
    assert (world.judged[-1], world.answers("m")) == ((3, {1: "m/1"}), "m/3")


async def test_a_refused_one_is_tried_again_when_its_files_change() -> None:
    world = await serving(1)
    world.breaking["m", 2] = False
    await coming(world, 1, 2)
    world.breaking["m", 2] = True
    await coming(world, 1, 2, mark="announced")
    assert world.answers("m") == "m/2"


async def test_an_announced_one_is_told_of_once_it_answers() -> None:
    world = await serving(1)
    world.breaking["m", 2] = True
    world.bad.add(("m", 2))
    await coming(world, 1, 2)
    assert not any(isinstance(event, ContractBroken) for event in world.events)
    world.bad.clear()
    await coming(world, 1, 2, mark="mended")
    told = [event for event in world.events if isinstance(event, ContractBroken | VersionLoaded)]
    assert told[1:] == [VersionLoaded("m", 2, 0.0), ContractBroken("m", 2, 1, "why", ())]


async def test_after_a_start_the_highest_is_judged_by_those_on_disk() -> None:
    world = World()
    world.breaking["m", 3] = False
    await coming(world, 1, 2, 3)
    assert world.judged == [(3, {1: None, 2: None}), (2, {1: None})]
    assert (world.answers("m"), world.loaded) == ("m/2", ["m/2"])


async def test_what_may_still_be_written_is_no_measure() -> None:
    world = World()
    world.put("m", [1, 2, 3])
    world.listing["m"][2] = replace(world.listing["m"][2], settled=False)
    await world.manager.reconcile()
    assert world.judged == [(3, {1: None})]


async def test_what_answers_though_its_files_are_gone_is_one() -> None:
    world = await serving(1)
    world.breaking["m", 2] = False
    await coming(world, 2)
    assert world.judged == [(2, {1: "m/1"})]
    assert world.answers("m") == "m/1"


async def test_of_several_side_by_side_the_highest_below_is_the_measure() -> None:
    world = await serving(1, 2, 3, policy="all")
    await coming(world, 1, 2, 3, 4)
    assert world.judged == [(4, {3: "m/3"})]
    await world.control.set_label("m", "stable", 1)
    await coming(world, 1, 2, 3, 4, 5)
    assert world.judged[-1] == (5, {4: "m/4"})


async def test_with_numbers_named_the_others_are_no_measure() -> None:
    world = World(policy="specific:1,5")
    await coming(world, 1, 3, 5)
    assert world.judged == [(5, {1: None}), (1, {})]


async def test_a_label_of_the_configuration_waits_for_a_version_that_is_refused() -> None:
    world = await serving(1, labels={"stable": 2})
    world.breaking["m", 2] = False
    await coming(world, 1, 2)
    assert (world.answers("m"), world.available("m")) == ("m/1", [1])


async def test_a_load_by_hand_is_judged_too() -> None:
    world = await serving(1)
    world.breaking["m", 2] = False
    await coming(world, 1, 2)
    with pytest.raises(ChangeRefused, match="version 2 of model 'm' could not be loaded: it breaks the contract"):
        await world.control.load("m", 2)
    assert world.available("m") == [1]


async def test_a_reload_by_hand_is_judged_by_the_copy_that_answers() -> None:
    world = await serving(1, 2, policy="all")
    world.breaking["m", 2] = False
    with pytest.raises(ChangeRefused, match="could not be loaded again: it breaks the contract"):
        await world.control.reload("m", 2)
    assert (world.judged, world.answers("m")) == ([(2, {2: "m/2"})], "m/2")
    world.breaking["m", 2] = True
    await world.control.reload("m", 2)
    assert world.answers("m") == "m/2#2"
    assert ContractBroken("m", 2, 2, "why", ()) in world.events


async def test_going_back_is_judged_by_what_is_below_and_not_by_what_answers() -> None:
    world = await serving(1, 2, 3)
    await world.control.roll_back("m")
    assert world.judged == [(2, {1: None})]
    assert world.answers("m") == "m/2"
