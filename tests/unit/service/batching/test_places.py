"""Which replica runs the next batch, and that the devices do not wait for one another."""

from collections.abc import Sequence
from heapq import heappop, heappush

import pytest

from models.signature import Signature
from service.batching.batcher import Batcher
from service.batching.places import LATELY, Place, Places
from service.batching.policy import BatchPolicy
from service.batching.turns import Turns
from service.events import BatchRan
from service.runtime.fake import FakeServable
from tests.unit.service.batching.bench import HEADS, SIGNATURE, Bench, benches, row, until

pytestmark = pytest.mark.anyio


class Model:
    """Counts how often its turn came."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1


def on(*devices: Turns) -> list[Place]:
    return [Place(FakeServable(SIGNATURE), each, f"gpu:{number}") for number, each in enumerate(devices)]


def flooded(places: Places, seconds: Sequence[float], batches: int) -> list[int]:
    """How many batches each place gets of a model that always has more, each taking its place's seconds."""
    model, counts, running = Model(), [0] * len(seconds), list[tuple[float, int]]()
    now = 0.0
    for _ in range(batches):
        while (place := places.claim(model)) is not None:
            counts[place] += 1
            heappush(running, (now + seconds[place], place))
        now, place = heappop(running)
        places.done(model, place, 1, seconds[place])
    return counts


@pytest.mark.parametrize("instances", [2, 4])
def test_equal_replicas_get_equal_shares_of_a_flood(instances: int) -> None:
    ours, theirs = flooded(Places(on(Turns(4), Turns(4)), instances), [1.0, 1.0], 200)
    assert abs(ours - theirs) <= instances


def test_a_slow_replica_gets_less_and_holds_up_nobody() -> None:
    quick, slow = flooded(Places(on(Turns(1), Turns(1)), 2), [1.0, 4.0], 200)
    assert quick / slow == pytest.approx(4, rel=0.1)


def alone(places: Places, rows: Sequence[int], seconds: Sequence[float], batches: int) -> list[int]:
    """How many batches each place gets of a model that never has two, each with its place's rows and seconds."""
    model, counts = Model(), [0] * len(seconds)
    for _ in range(batches):
        place = places.claim(model)
        assert place is not None
        counts[place] += 1
        places.done(model, place, rows[place], seconds[place])
    return counts


def test_when_none_runs_the_one_that_did_least_is_next() -> None:
    assert alone(Places(on(Turns(1), Turns(1), Turns(1)), 3), [1, 1, 1], [1.0, 1.0, 1.0], 300) == [100, 100, 100]
    ours, theirs = alone(Places(on(Turns(1), Turns(1)), 2), [2, 3], [1.0, 1.0], 1000)
    assert ours / theirs == pytest.approx(1.22, abs=0.1)  # so as to differ half as much in rows as in batches
    quick, slow = alone(Places(on(Turns(1), Turns(1)), 2), [1, 1], [1.0, 4.0], 1000)
    assert quick / slow == pytest.approx(2, rel=0.1)


def test_what_was_long_ago_is_forgotten() -> None:
    places = Places(on(Turns(1), Turns(1)), 2)
    alone(places, [1, 1], [1.0, 100.0], 300)  # a while in which the second was slow
    alone(places, [1, 1], [1.0, 1.0], 10 * LATELY)
    ours, theirs = alone(places, [1, 1], [1.0, 1.0], 200)
    assert abs(ours - theirs) <= 2


def test_each_runs_its_share_of_the_instances_at_once() -> None:
    places, model = Places(on(Turns(9), Turns(9)), 4), Model()
    assert [places.claim(model) for _ in range(5)] == [0, 1, 0, 1, None]
    assert repr(places) == "<Places [2 of 2 running, 2 of 2 running]>"
    places.done(model, 1, 1, 1.0)
    assert places.claim(model) == 1


def test_a_busy_device_keeps_nobody_from_a_free_one() -> None:
    busy, free, other, model = Turns(1), Turns(1), Model(), Model()
    assert busy.claim(other)
    places = Places(on(busy, free), 2)
    assert [places.claim(model), places.claim(model)] == [1, None]
    busy.done(other, 1.0)
    assert model.woken == 1
    assert places.claim(model) == 0


def test_who_has_nothing_left_or_has_gone_stands_in_no_line() -> None:
    first, second, other, model = Turns(1), Turns(1), Model(), Model()
    assert first.claim(other)
    assert second.claim(other)
    places = Places(on(first, second), 2)
    assert places.claim(model) is None
    places.withdraw(model)
    assert "0 models waiting" in f"{first}"
    assert places.claim(model) is None
    places.leave(model)
    for each in (first, second):
        each.done(other, 1.0)
        assert repr(each) == "<Turns [0 of 1 running, 0 models waiting]>"
    assert model.woken == 0


def test_work_stretches_less_where_one_device_is_free() -> None:
    first, second, model = Turns(1), Turns(1), Model()
    assert first.claim(Model())
    assert Places(on(first), 1).stretch(model) == 2
    assert Places(on(first, second), 2).stretch(model) == pytest.approx(4 / 3)


class Replicated(Bench):
    """A bench with two replicas that take from one queue."""

    def __init__(self, first: Turns, second: Turns, signature: Signature = SIGNATURE) -> None:
        super().__init__(max_batch_size=1)
        self.fakes = [FakeServable(signature), FakeServable(signature)]
        places = [
            Place(fake, each, f"gpu:{n}")
            for n, (fake, each) in enumerate(zip(self.fakes, (first, second), strict=True))
        ]
        policy = BatchPolicy(max_batch_size=1, instances=2)
        self.batcher = Batcher("m", 1, self.fake, policy, self.events.append, replicas=places)

    def release(self) -> None:
        for fake in self.fakes:
            fake.gate.set()


async def test_replicas_take_from_one_queue_and_tell_which_they_are() -> None:
    bench = Replicated(Turns(1), Turns(1))
    async with benches(bench):
        tasks = [bench.submit(row(number), heads=HEADS) for number in range(1, 9)]
        for number, task in enumerate(tasks, 1):
            answer = (await task)["h0"][0]
            assert answer == pytest.approx(bench.alone(row(number), "h0"), abs=1e-5)
        ran = [event.device for event in bench.events if isinstance(event, BatchRan)]
        assert sorted(set(ran)) == ["gpu:0", "gpu:1"]
        assert [len(fake.batches) for fake in bench.fakes] == [ran.count("gpu:0"), ran.count("gpu:1")]
        assert bench.fake.batches == []  # the replicas run in its place


async def test_a_replica_whose_device_is_taken_leaves_the_queue_to_the_other_until_it_is_free() -> None:
    taken, model = Turns(1), Model()
    assert taken.claim(model)
    bench = Replicated(taken, Turns(1))
    first, second = bench.fakes
    async with benches(bench):
        await bench.submit(row(1))
        second.gate.clear()
        held, waits = bench.submit(row(2)), bench.submit(row(3))
        await until(lambda: len(second.batches) == 2)
        assert first.batches == []
        taken.done(model, 1.0)
        await waits
        assert (len(first.batches), len(second.batches), held.done()) == (1, 2, False)
