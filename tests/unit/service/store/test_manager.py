"""The life of versions: loading, leases, taking over, failing, going away."""

import asyncio
from dataclasses import replace

import anyio
import pytest

from service.errors import ModelNotFound, ModelNotReady
from service.store.manager import RETRY_AFTER
from service.store.scanner import Listing
from tests.unit.service.store.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return World()


async def test_a_version_loads_and_is_lent(world: World) -> None:
    world.put("digits", [1])
    await world.manager.reconcile()
    assert world.states("digits", 1) == ["START", "LOADING", "AVAILABLE"]
    with world.manager.lease("digits") as served:
        assert served == "digits/1"


async def test_the_new_version_takes_over_and_the_old_one_goes_when_its_leases_end(world: World) -> None:
    world.put("digits", [1])
    await world.manager.reconcile()
    with world.manager.lease("digits"):
        world.put("digits", [1, 2])
        reconciling = asyncio.create_task(world.manager.reconcile())
        with anyio.fail_after(5):
            while world.states("digits", 1)[-1] != "UNLOADING":
                await anyio.lowlevel.checkpoint()
        with world.manager.lease("digits") as served:
            assert served == "digits/2"
        assert world.unloaded == []
    with anyio.fail_after(5):
        await reconciling
    assert world.unloaded == ["digits/1"]
    assert world.states("digits", 1)[-1] == "END"
    assert repr(world.manager) == "<StoreManager [1 models, 1 available]>"


async def test_a_bad_version_never_takes_over_and_says_why(world: World) -> None:
    world.put("digits", [1])
    await world.manager.reconcile()
    world.bad.add(("digits", 2))
    world.put("digits", [1, 2])
    await world.manager.reconcile()
    with world.manager.lease("digits") as served:
        assert served == "digits/1"
    (status,) = world.manager.statuses()
    assert [(each.number, each.state, each.reason) for each in status.versions] == [
        (1, "AVAILABLE", ""),
        (2, "END", "the file is damaged"),
    ]
    assert world.is_ready()
    with pytest.raises(ModelNotReady, match="the file is damaged"), world.manager.lease("digits", 2):
        pass


async def test_a_version_that_is_being_written_is_not_begun_and_not_taken_away(world: World) -> None:
    world.put("digits", [1])
    world.listing["digits"][1] = replace(world.listing["digits"][1], settled=False)
    await world.manager.reconcile()
    assert world.states("digits", 1) == []
    world.put("digits", [1])
    await world.manager.reconcile()
    world.listing["digits"][1] = replace(world.listing["digits"][1], settled=False, fingerprint=(("touched", 1, 1),))
    await world.manager.reconcile()
    assert world.states("digits", 1)[-1] == "AVAILABLE"


async def test_a_failed_version_is_tried_again_only_when_its_files_change(world: World) -> None:
    world.bad.add(("digits", 1))
    world.put("digits", [1])
    await world.manager.reconcile()
    await world.manager.reconcile()
    assert world.states("digits", 1).count("LOADING") == 1
    assert not world.is_ready()
    world.bad.clear()
    world.put("digits", [1], mark="changed")
    await world.manager.reconcile()
    assert world.is_ready()


async def test_an_older_version_stands_in_for_one_that_fails_from_the_start(world: World) -> None:
    world.bad.add(("digits", 2))
    world.put("digits", [1, 2])
    await world.manager.reconcile()
    with world.manager.lease("digits") as served:
        assert served == "digits/1"


async def test_readiness_waits_for_every_model_and_ignores_an_absent_one(world: World) -> None:
    world.put("absent", [])
    world.put("digits", [1])
    world.put("slow", [1])
    world.gate = asyncio.Event()
    reconciling = asyncio.create_task(world.manager.reconcile())
    with anyio.fail_after(5):
        while not world.states("slow", 1):
            await anyio.lowlevel.checkpoint()
    assert not world.is_ready()
    world.gate.set()
    await reconciling
    assert world.is_ready()
    assert {status.name: status.state for status in world.manager.statuses()} == {
        "absent": "ABSENT",
        "digits": "AVAILABLE",
        "slow": "AVAILABLE",
    }


async def test_a_model_stays_ready_while_its_next_version_loads(world: World) -> None:
    world.put("digits", [1])
    await world.manager.reconcile()
    world.gate = asyncio.Event()
    world.put("digits", [1, 2])
    reconciling = asyncio.create_task(world.manager.reconcile())
    with anyio.fail_after(5):
        while "LOADING" not in world.states("digits", 2):
            await anyio.lowlevel.checkpoint()
    assert world.is_ready()
    world.gate.set()
    await reconciling


async def test_where_memory_comes_first_the_old_version_goes_before_the_new_one_is_loaded() -> None:
    world = World(preserve="resources")
    world.put("digits", [1])
    world.put("other", [1])
    await world.manager.reconcile()
    world.gate = asyncio.Event()
    world.put("digits", [1, 2])
    reconciling = asyncio.create_task(world.manager.reconcile())
    with anyio.fail_after(5):
        while not world.unloaded:
            await anyio.lowlevel.checkpoint()
    assert world.unloaded == ["digits/1"]
    with pytest.raises(ModelNotReady, match="version 2 is LOADING"):
        world.answers("digits")
    assert world.is_ready(), "the other model's callers have nothing to do with it"
    world.gate.set()
    await reconciling
    assert world.answers("digits") == "digits/2"


async def test_where_memory_comes_first_a_version_is_fetched_before_the_old_one_goes() -> None:
    world = World(preserve="resources")
    world.put("digits", [1])
    await world.manager.reconcile()
    world.out_of_reach.add(("digits", 2))
    world.put("digits", [1, 2])
    await world.manager.reconcile()
    assert (world.unloaded, world.answers("digits")) == ([], "digits/1")
    world.out_of_reach.clear()
    world.now += RETRY_AFTER
    await world.manager.reconcile()
    assert (world.unloaded, world.answers("digits")) == (["digits/1"], "digits/2")


async def test_where_memory_comes_first_the_old_version_comes_back_when_the_new_one_fails() -> None:
    world = World(preserve="resources")
    world.put("digits", [1])
    await world.manager.reconcile()
    world.bad.add(("digits", 2))
    world.put("digits", [1, 2])
    for _ in range(3):
        await world.manager.reconcile()
    assert world.answers("digits") == "digits/1#2"
    assert world.loaded == ["digits/1", "digits/1"], "once is enough, as long as the bad one's files stay as they are"


async def test_where_memory_comes_first_the_old_version_stays_when_the_new_one_may_not_take_over() -> None:
    world = World(preserve="resources")
    world.put("digits", [1])
    await world.manager.reconcile()
    world.breaking["digits", 2] = False
    world.put("digits", [1, 2])
    await world.manager.reconcile()
    assert world.unloaded == []
    assert world.answers("digits") == "digits/1"


async def test_unknown_names_are_refused_with_what_there_is(world: World) -> None:
    world.put("digits", [3])
    world.put("absent", [])
    await world.manager.reconcile()
    with pytest.raises(ModelNotFound, match="known models: absent, digits"), world.manager.lease("digit"):
        pass
    with pytest.raises(ModelNotFound, match="known versions: 3"), world.manager.lease("digits", 1):
        pass
    with pytest.raises(ModelNotReady, match="the store has none"), world.manager.lease("absent"):
        pass


async def test_a_model_that_is_removed_is_unloaded_and_forgotten(world: World) -> None:
    world.put("digits", [1])
    await world.manager.reconcile()
    world.listing.clear()
    await world.manager.reconcile()
    await world.manager.reconcile()
    assert world.unloaded == ["digits/1"]
    assert world.manager.statuses() == ()


async def test_close_unloads_everything(world: World) -> None:
    world.put("a", [1])
    world.put("b", [2])
    await world.manager.reconcile()
    await world.manager.close()
    assert sorted(world.unloaded) == ["a/1", "b/2"]
    assert repr(world.manager) == "<StoreManager [2 models, 0 available]>"


async def test_a_round_that_fails_is_told_and_the_next_one_goes_on(world: World) -> None:
    told: list[Exception] = []
    scan = world.manager._scan
    failures: list[Exception] = [RuntimeError("a bug"), OSError("the disk is gone")]

    def sometimes() -> Listing:
        if failures:
            raise failures.pop()
        return scan()

    world.manager._scan = sometimes
    world.put("digits", [1])
    watching = asyncio.create_task(world.manager.watch(0.001, told.append))
    with anyio.fail_after(5):
        while not world.is_ready():
            await anyio.lowlevel.checkpoint()
    watching.cancel()
    assert [str(error) for error in told] == ["the disk is gone", "a bug"]


async def test_a_version_that_the_store_could_not_bring_is_tried_again_after_a_while(world: World) -> None:
    world.put("digits", [1, 2])
    world.out_of_reach.add(("digits", 2))
    await world.manager.reconcile()
    assert world.available("digits") == [1]
    assert world.states("digits", 2)[-1] == "END"
    world.out_of_reach.clear()
    await world.manager.reconcile()
    assert world.available("digits") == [1]
    world.now += RETRY_AFTER
    await world.manager.reconcile()
    assert world.available("digits") == [2]


async def test_one_whose_files_are_bad_is_not(world: World) -> None:
    world.put("digits", [1])
    world.bad.add(("digits", 1))
    await world.manager.reconcile()
    world.now += 10 * RETRY_AFTER
    await world.manager.reconcile()
    assert world.states("digits", 1) == ["START", "LOADING", "END"]


async def test_nobody_who_can_answer_becomes_unready_by_a_version_that_is_tried_again(world: World) -> None:
    world.put("digits", [1])
    world.put("prices", [1])
    world.out_of_reach.add(("prices", 1))
    await world.manager.reconcile()
    assert world.is_ready()
    world.now += RETRY_AFTER
    world.gate = asyncio.Event()
    trying = asyncio.create_task(world.manager.reconcile())
    with anyio.fail_after(5):
        while world.states("prices", 1)[-1] != "LOADING":
            await anyio.lowlevel.checkpoint()
        assert world.is_ready()
        world.gate.set()
        await trying


async def test_under_explicit_control_it_is_tried_again_when_somebody_says_so() -> None:
    world = World(explicit=True)
    world.put("digits", [1])
    world.out_of_reach.add(("digits", 1))
    await world.manager.reconcile()
    world.out_of_reach.clear()
    world.now += 10 * RETRY_AFTER
    await world.manager.reconcile()
    assert world.states("digits", 1)[-1] == "END"
    await world.control.load("digits", 1)
    assert world.available("digits") == [1]


async def test_the_folders_in_use_are_those_of_versions_that_did_not_fail(world: World) -> None:
    world.put("digits", [1, 2])
    world.bad.add(("digits", 2))
    await world.manager.reconcile()
    assert [str(folder) for folder in world.manager.folders()] == ["digits/1"]
