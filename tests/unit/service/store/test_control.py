"""What operators ask for: labels, versions by hand, rollback; and that nobody who is being answered notices."""

import asyncio
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from service.errors import ChangeRefused, ModelNotFound, ModelNotReady, ShuttingDown
from service.store.scanner import Found, Listing
from service.store.wishes import Shadowing
from tests.unit.service.store.world import World

pytestmark = pytest.mark.anyio


async def serving(*versions: int, labels: dict[str, int] | None = None, policy: str = "all") -> World:
    """A world with `m`, whose versions are loaded as the policy says."""
    world = World(labels, policy)
    world.put("m", versions)
    await world.manager.reconcile()
    return world


async def until_it_is(world: World, version: int, state: str) -> None:
    with anyio.fail_after(5):
        while world.states("m", version)[-1:] != [state]:
            await anyio.lowlevel.checkpoint()


async def test_a_label_answers_and_moves() -> None:
    world = await serving(1, 2, 3)
    await world.control.set_label("m", "canary", 3)
    assert world.answers("m", "canary") == "m/3"
    status = await world.control.set_label("m", "canary", 1)
    assert status.labels == (("canary", 1),)
    assert (world.answers("m", "canary"), world.answers("m")) == ("m/1", "m/3")


async def test_the_default_is_stable_while_that_can_answer_else_the_highest() -> None:
    world = await serving(1, 2)
    assert world.answers("m") == "m/2"
    await world.control.set_label("m", "stable", 1)
    assert world.answers("m") == "m/1"
    await world.control.unload("m", 1, force=True)
    assert world.answers("m") == "m/2"
    with pytest.raises(ModelNotReady, match="'stable' of model 'm' waits for version 1, which is not loaded"):
        world.answers("m", "stable")


async def test_a_label_takes_no_version_that_cannot_answer() -> None:
    world = World()
    world.bad.add(("m", 3))
    world.put("m", [1, 2, 3])
    await world.manager.reconcile()
    for number, state in ((1, "not loaded"), (3, "END"), (9, "not loaded")):
        with pytest.raises(ChangeRefused, match=f"version {number} of model 'm' is {state}"):
            await world.control.set_label("m", "stable", number)
    assert world.manager.status_of("m").labels == ()


async def test_an_unknown_label_is_refused_with_those_there_are() -> None:
    world = await serving(1, labels={"stable": 1, "canary": 1})
    with pytest.raises(ModelNotFound, match="no label 'beta'; known labels: canary, stable"):
        world.answers("m", "beta")
    with pytest.raises(ModelNotFound, match="no label 'beta'; known labels: canary, stable"):
        await world.control.remove_label("m", "beta")
    with pytest.raises(ModelNotFound, match="no model 'n'; known models: m"):
        world.answers("n", "stable")


async def test_the_policy_keeps_what_is_labelled_and_takes_it_back_afterwards() -> None:
    world = await serving(1, policy="latest:1")
    await world.control.set_label("m", "old", 1)
    world.put("m", [1, 2])
    await world.manager.reconcile()
    assert world.available("m") == [1, 2]
    await world.control.remove_label("m", "old")
    await world.manager.reconcile()
    assert (world.available("m"), world.unloaded) == ([2], ["m/1"])


async def test_a_label_of_the_configuration_waits_for_its_version_and_is_wanted_once_on_disk() -> None:
    world = await serving(5, labels={"stable": 3}, policy="latest:1")
    assert world.answers("m") == "m/5"
    with pytest.raises(ModelNotReady, match="waits for version 3"):
        world.answers("m", "stable")
    world.put("m", [3, 5])
    await world.manager.reconcile()
    assert (world.answers("m"), world.answers("m", "stable"), world.available("m")) == ("m/3", "m/3", [3, 5])


async def test_what_is_labelled_loads_first() -> None:
    assert (await serving(1, 3, 5, labels={"stable": 3})).loaded == ["m/3", "m/5", "m/1"]


async def test_a_version_loaded_by_hand_stays_and_one_unloaded_by_hand_stays_away() -> None:
    world = await serving(1, 2, policy="latest:1")
    assert [each.number for each in (await world.control.load("m", 1)).versions] == [1, 2]
    await world.control.unload("m", 2)
    await world.manager.reconcile()
    assert world.available("m") == [1]
    world.put("m", [1, 2, 3])
    await world.manager.reconcile()
    assert world.available("m") == [1, 3]
    await world.control.load("m", 2)
    await world.manager.reconcile()
    assert world.available("m") == [1, 2, 3]
    await world.control.unload("m", 1)
    await world.manager.reconcile()
    assert world.available("m") == [2, 3]


async def test_the_last_version_and_a_labelled_one_go_only_by_force() -> None:
    world = await serving(1, 2, labels={"canary": 1})
    with pytest.raises(ChangeRefused, match=r"is labelled canary: .*\?force=true"):
        await world.control.unload("m", 1)
    await world.control.unload("m", 1, force=True)
    with pytest.raises(ChangeRefused, match=r"version 2 is the last of model 'm'.*\?force=true"):
        await world.control.unload("m", 2)
    assert world.answers("m") == "m/2"
    status = await world.control.unload("m", 2, force=True)
    assert (status.version, status.state, status.on_disk) == (None, "END", (1, 2))
    await world.manager.reconcile()
    with pytest.raises(ModelNotReady, match="none is loaded"):
        world.answers("m")


async def test_a_load_that_fails_says_why_and_leaves_all_as_it_was() -> None:
    world = await serving(1, 2, policy="latest:1")
    await world.control.unload("m", 2, force=True)
    world.bad.add(("m", 2))
    with pytest.raises(ChangeRefused, match="version 2 of model 'm' could not be loaded: the file is damaged"):
        await world.control.load("m", 2)
    world.bad.clear()
    await world.manager.reconcile()
    assert world.available("m") == []
    await world.control.load("m", 2)  # which is tried again, though no file changed
    assert world.answers("m") == "m/2#2"


async def test_what_the_store_has_not_or_not_whole_is_not_loaded() -> None:
    world = await serving(1)
    world.put("m", [1, 2])
    world.listing["m"][2] = replace(world.listing["m"][2], settled=False)
    with pytest.raises(ChangeRefused, match="may still be written"):
        await world.control.load("m", 2)
    for change in (world.control.load("m", 7), world.control.unload("m", 7), world.control.reload("m", 7)):
        with pytest.raises(ModelNotFound, match="the store has no version 7 of model 'm'; it has 1, 2"):
            await change
    with pytest.raises(ModelNotFound, match="known models: m"):
        await world.control.load("n", 1)


async def test_an_unload_waits_for_who_is_being_answered() -> None:
    world = await serving(1, 2)
    with world.manager.lease("m", 2):
        unloading = asyncio.create_task(world.control.unload("m", 2))
        await until_it_is(world, 2, "UNLOADING")
        labelling = asyncio.create_task(world.control.set_label("m", "stable", 2))
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert (world.unloaded, world.answers("m")) == ([], "m/1")
        assert not labelling.done()  # one change at a time: it must not take a version that is going
    with anyio.fail_after(5):
        await unloading
        with pytest.raises(ChangeRefused, match="version 2 of model 'm' is not loaded"):
            await labelling
    assert world.unloaded == ["m/2"]


async def test_a_reload_answers_from_the_old_copy_until_the_new_one_can() -> None:
    world = await serving(1)
    world.gate = asyncio.Event()
    with world.manager.lease("m") as before:
        reloading = asyncio.create_task(world.control.reload("m", 1))
        for _ in range(50):
            await asyncio.sleep(0)
            assert world.answers("m") == "m/1"
        world.gate.set()
        with anyio.fail_after(5):
            while world.answers("m") == "m/1":
                await anyio.lowlevel.checkpoint()
        assert (before, world.answers("m"), world.unloaded) == ("m/1", "m/1#2", [])
        assert not reloading.done()
    with anyio.fail_after(5):
        await reloading
    assert world.unloaded == ["m/1"]
    assert world.states("m", 1)[-1] == "AVAILABLE"


async def test_where_memory_comes_first_a_reload_has_one_copy_only() -> None:
    world = World(preserve="resources")
    world.put("m", [1])
    await world.manager.reconcile()
    world.gate = asyncio.Event()
    reloading = asyncio.create_task(world.control.reload("m", 1))
    with anyio.fail_after(5):
        while not world.unloaded:
            await anyio.lowlevel.checkpoint()
    assert world.loaded == ["m/1"]
    world.gate.set()
    await reloading
    assert world.answers("m") == "m/1#2"


async def test_a_reload_that_fails_leaves_the_old_copy() -> None:
    world = await serving(1)
    world.bad.add(("m", 1))
    with pytest.raises(ChangeRefused, match="could not be loaded again: the file is damaged"):
        await world.control.reload("m", 1)
    assert (world.answers("m"), world.unloaded) == ("m/1", [])


async def test_rollback_goes_to_the_highest_available_version_below() -> None:
    world = await serving(1, 2, 3)
    assert (await world.control.roll_back("m")).labels == (("stable", 2),)
    assert world.answers("m") == "m/2"
    world.put("m", [1, 2, 3, 4])
    await world.manager.reconcile()
    assert world.answers("m") == "m/2"  # a new version does not undo it
    assert (await world.control.roll_back("m")).version == 1
    with pytest.raises(ChangeRefused, match="no version below 1"):
        await world.control.roll_back("m")


async def test_rollback_loads_what_is_not_loaded_and_switches_only_then() -> None:
    world = await serving(1, 2, 3, policy="latest:1")
    world.gate = asyncio.Event()
    rolling_back = asyncio.create_task(world.control.roll_back("m"))
    await until_it_is(world, 2, "LOADING")
    assert (world.answers("m"), world.manager.status_of("m").labels) == ("m/3", ())
    world.gate.set()
    await rolling_back
    await world.manager.reconcile()
    assert (world.answers("m"), world.available("m")) == ("m/2", [2, 3])


async def test_rollback_passes_over_what_failed_and_what_was_unloaded_by_hand() -> None:
    world = await serving(1, 2, 3, 4, policy="latest:1")
    await world.control.unload("m", 3)
    world.bad.add(("m", 2))
    with pytest.raises(ChangeRefused, match="version 2 of model 'm' could not be loaded"):
        await world.control.roll_back("m")
    assert world.answers("m") == "m/4"
    assert (await world.control.roll_back("m")).version == 1


async def test_under_explicit_control_the_policy_speaks_once() -> None:
    world = World(policy="latest:1", explicit=True, labels={"old": 1, "next": 3})
    world.put("m", [1, 2])
    await world.manager.reconcile()
    assert world.available("m") == [1, 2]
    world.put("m", [2, 3])
    world.put("n", [1])
    await world.manager.reconcile()
    assert (world.available("m"), world.available("n")) == ([1, 2], [])
    assert (world.manager.status_of("m").on_disk, world.manager.status_of("n").state) == ((2, 3), "END")
    await world.control.load("m", 3)
    assert world.answers("m", "next") == "m/3"
    await world.control.load("n", 1)
    await world.control.unload("m", 2)
    await world.manager.reconcile()
    assert (world.available("m"), world.available("n")) == ([1, 3], [1])


async def test_a_change_before_the_first_round_waits_for_it() -> None:
    world = World(explicit=True)
    world.put("m", [1, 2])
    await world.control.load("m", 1)
    assert world.available("m") == [1, 2]


async def test_a_change_is_made_to_its_end_though_who_asked_has_gone() -> None:
    world = await serving(1, 2, policy="latest:1")
    world.gate = asyncio.Event()
    asking = asyncio.create_task(world.control.load("m", 1))
    await until_it_is(world, 1, "LOADING")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert repr(world.control) == "<Control [1 changes]>"
    world.gate.set()
    await until_it_is(world, 1, "AVAILABLE")
    await world.manager.reconcile()
    assert world.available("m") == [1, 2]


async def test_after_the_end_nothing_changes() -> None:
    world = await serving(1)
    await world.manager.close()
    with pytest.raises(ShuttingDown):
        await world.control.load("m", 1)


async def test_a_store_that_cannot_be_read_is_a_reason() -> None:
    world = await serving(1)

    def scan() -> Listing:
        raise OSError("the disk is gone")

    world.manager._scan = scan
    with pytest.raises(ChangeRefused, match="the store cannot be read: the disk is gone"):
        await world.control.load("m", 1)


async def test_many_changes_at_once_never_leave_a_caller_without_an_answer() -> None:
    world = await serving(1, 2, 3)
    await world.control.set_label("m", "canary", 1)
    is_over = False
    answered = 0

    async def ask() -> None:
        nonlocal answered
        while not is_over:
            for version in (None, "canary"):
                with world.manager.lease("m", version) as served:
                    await asyncio.sleep(0)
                    assert served not in world.unloaded
                    answered += 1

    callers = [asyncio.create_task(ask()) for _ in range(4)]
    with anyio.fail_after(20):
        for number in (2, 3, 1) * 5:
            await asyncio.gather(
                world.control.set_label("m", "canary", number),
                world.control.reload("m", number),
                world.control.unload("m", number % 3 + 1),
                world.control.load("m", number % 3 + 1),
                return_exceptions=True,
            )
        is_over = True
        await asyncio.gather(*callers)
    assert answered > 100


async def test_what_may_still_be_written_is_absent_and_not_ended() -> None:
    """END says that nothing comes by itself, and who waits for the model would give up."""
    world = World()
    world.listing["m"] = {1: Found(Path("m/1"), (("", 0, 0),), settled=False)}
    await world.manager.reconcile()
    assert (world.manager.status_of("m").state, world.manager.status_of("m").on_disk) == ("ABSENT", ())
    world.put("m", [1])
    await world.manager.reconcile()
    assert (world.manager.status_of("m").state, world.manager.status_of("m").on_disk) == ("AVAILABLE", (1,))


async def test_a_shadow_is_kept_and_promoted() -> None:
    world = await serving(1, 2, 3, labels={"stable": 1})
    status = await world.control.start_shadow("m", 2, 0.25)
    assert status.shadow == Shadowing(2, 0.25)
    with pytest.raises(ChangeRefused, match="version 2 is the shadow of model 'm' already"):
        await world.control.start_shadow("m", 3, 0.1)
    with pytest.raises(ChangeRefused, match="version 2 of model 'm' is its shadow"):
        await world.control.unload("m", 2)
    status = await world.control.promote("m")
    assert (status.shadow, status.version, status.labels) == (None, 2, (("stable", 2),))
    with pytest.raises(ChangeRefused, match="model 'm' has no shadow to promote"):
        await world.control.promote("m")


async def test_a_shadow_that_was_dropped_is_the_policy_s_again() -> None:
    world = await serving(1, labels={"stable": 1}, policy="latest:1")
    world.put("m", [1, 2])
    await world.manager.reconcile()
    await world.control.start_shadow("m", 2, 0.1)
    world.put("m", [1, 2, 3])
    await world.manager.reconcile()
    assert world.available("m") == [1, 2, 3]
    await world.control.drop_shadow("m")
    await world.manager.reconcile()
    assert world.available("m") == [1, 3]


async def test_no_shadow_of_the_default_nor_of_what_cannot_answer() -> None:
    world = await serving(1, 2)
    for number, told in ((2, "is the one that answers"), (9, "is not loaded: a shadow takes an AVAILABLE one")):
        with pytest.raises(ChangeRefused, match=f"version {number} of model 'm' {told}"):
            await world.control.start_shadow("m", number, 0.1)
    assert world.manager.status_of("m").shadow is None


async def test_a_shadow_answers_nobody_while_the_version_that_answers_is_away() -> None:
    world = World(policy="all", labels={"stable": 1}, preserve="resources")
    world.put("m", [1, 2])
    await world.manager.reconcile()
    await world.control.start_shadow("m", 2, 0.5)
    world.gate = asyncio.Event()
    reloading = asyncio.create_task(world.control.reload("m", 1))
    with anyio.fail_after(5):
        while not world.unloaded:
            await anyio.lowlevel.checkpoint()
    with pytest.raises(ModelNotReady):
        world.answers("m")
    world.gate.set()
    await reloading
    assert world.answers("m") == "m/1#2"
