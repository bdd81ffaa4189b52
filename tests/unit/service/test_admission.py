"""Who may enter."""

import asyncio
import time
from contextlib import ExitStack
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from service.admission import ANSWERS, BEAT, CAUTION, FEW, LATE, LOOP_CAUTION, SHARE, Admission, LoopLoad
from service.batching.forecast import Forecast
from service.errors import DeadlineExceeded, Overloaded, ShuttingDown, TooLarge
from tests.unit.service.batching.bench import TravelLoop, pass_time


def test_counts_who_is_inside_and_refuses_one_too_many() -> None:
    admission = Admission(max_in_flight=1, retry_after=2.0)
    with admission.enter():
        assert repr(admission) == "<Admission [1 of 1, 0 bytes]>"
        with pytest.raises(Overloaded, match=r"^1 requests are in flight already$") as refusal, admission.enter():
            pass
        assert (refusal.value.retry_after, refusal.value.cause) == (2.0, "in_flight")
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
    assert repr(admission) == "<Admission [0 of 1, 0 bytes] draining>"
    with admission.enter():
        pass
    admission.close()
    with pytest.raises(ShuttingDown), admission.enter():
        pass
    assert repr(admission) == "<Admission [0 of 1, 0 bytes] closed>"


def flood(admission: Admission, inside: ExitStack, *models: str) -> dict[str, int]:
    """How many of each get in when all keep coming."""
    counts = dict.fromkeys(models, 0)
    while models:
        for model in models:
            try:
                inside.enter_context(admission.enter(model))
            except Overloaded:
                models = tuple(each for each in models if each != model)
            else:
                counts[model] += 1
    return counts


@pytest.mark.parametrize("most", [5, 100, 4096])
def test_one_flooded_model_leaves_room_for_a_newcomer(most: int) -> None:
    admission = Admission(most)
    with ExitStack() as inside:
        counts = flood(admission, inside, "a")
        assert counts["a"] == pytest.approx(most * SHARE / (SHARE + 1), abs=1)
        with pytest.raises(Overloaded) as refusal:
            inside.enter_context(admission.enter("a"))
        assert refusal.value.cause == "fair_share"
        inside.enter_context(admission.enter("newcomer"))
    assert (admission.in_flight, admission._by_model) == (0, {})


def test_two_flooded_models_get_the_same_and_leave_room_for_a_third() -> None:
    admission = Admission(900)
    with ExitStack() as inside:
        counts = flood(admission, inside, "a", "b")
        assert counts["a"] == pytest.approx(900 * SHARE / (2 * SHARE + 1), abs=2)
        assert abs(counts["a"] - counts["b"]) <= 1
        with pytest.raises(Overloaded, match="requests of 'a' are in flight already, its share of 900"):
            inside.enter_context(admission.enter("a"))
        inside.enter_context(admission.enter("c"))


def test_a_share_grows_when_others_leave() -> None:
    admission = Admission(100)
    with ExitStack() as ours:
        with ExitStack() as theirs:
            flood(admission, theirs, "b")
            few = flood(admission, ours, "a")["a"]
        more = flood(admission, ours, "a")["a"]
        assert few + more == 80
        assert 10 <= few <= 20


def test_bytes_are_held_while_a_request_is_inside() -> None:
    admission = Admission(9, max_in_flight_bytes=100, retry_after=3.0)
    with admission.holding(60):
        assert repr(admission) == "<Admission [0 of 9, 60 bytes]>"
        with pytest.raises(Overloaded, match="60 of 100 bytes, and this one 41") as refusal, admission.holding(41):
            pass
        assert (refusal.value.retry_after, refusal.value.cause) == (3.0, "memory")
        with admission.holding(40):
            assert repr(admission) == "<Admission [0 of 9, 100 bytes]>"
        with pytest.raises(KeyError), admission.holding(40):
            raise KeyError
    assert repr(admission) == "<Admission [0 of 9, 0 bytes]>"


def test_what_never_fits_is_too_large_and_not_a_matter_of_coming_back() -> None:
    admission = Admission(9, max_in_flight_bytes=100)
    with pytest.raises(TooLarge, match="takes 101 bytes of memory; the limit is 100"), admission.holding(101):
        pass
    with admission.holding(100):
        pass
    with admission.holding(60), pytest.raises(TooLarge, match="takes 101 bytes"), admission.holding(41, besides=60):
        pass


@pytest.mark.parametrize(
    ("forecast", "left"),
    [
        (Forecast(), 0.001),  # nothing is known
        (Forecast(wait=0.0, compute=9.0, alone=1.0), 1.0),  # nobody is before it: it may be lucky
        (Forecast(wait=3.0, compute=1.0, alone=1.0), 4.0 * CAUTION + 0.001),
    ],
)
def test_who_can_be_answered_in_time_is_let_in(forecast: Forecast, left: float) -> None:
    Admission(1).judge(forecast, left)


def test_only_a_request_that_would_be_late_alone_is_told_that_its_time_is_too_short() -> None:
    with pytest.raises(DeadlineExceeded, match=r"^1 s are left, and the model alone needs 1\.5 s$"):
        Admission(1).judge(Forecast(wait=9.0, compute=2.0, alone=1.5), 1.0)


@pytest.mark.parametrize("left", [1.0, 3.0, 4.0 * CAUTION - 0.001])
def test_who_would_be_late_for_others_is_told_to_come_back_when_they_are_done(left: float) -> None:
    with pytest.raises(Overloaded, match="s are left, and an answer would take about 4 s") as refusal:
        Admission(1).judge(Forecast(wait=3.0, compute=1.0, alone=1.0), left)
    assert (refusal.value.retry_after, refusal.value.cause) == (3.0, "predicted_wait")


@pytest.mark.parametrize("seen", [0, 60])
def test_a_loop_that_cannot_keep_up_is_waited_for_by_everyone_of_the_model(seen: int) -> None:
    """Seen by the server or counted here, whichever are more."""
    admission = Admission(1000)
    admission.load.seconds = 0.1
    admission.judge(Forecast(compute=0.5), 0.6)
    with ExitStack() as entered:
        for _ in range(5 if seen else 60):
            entered.enter_context(admission.enter("a"))
        wait = (60 - FEW) * 0.1
        enough = LOOP_CAUTION * wait + 0.5
        admission.judge(Forecast(wait=1.0, compute=0.5), enough + 0.001, seen, model="a")
        with pytest.raises(Overloaded) as refusal:
            admission.judge(Forecast(wait=1.0, compute=0.5), enough - 0.001, seen, model="a")
        assert refusal.value.retry_after == pytest.approx(wait)
        with pytest.raises(Overloaded) as refusal:  # the model is what is waited for longest
            admission.judge(Forecast(wait=50.0), enough, seen, model="a")
        assert refusal.value.retry_after == 50.0


def test_a_flood_makes_its_own_model_wait_for_the_loop_and_no_other() -> None:
    admission = Admission(1000)
    admission.load.seconds = 0.01
    with ExitStack() as entered:
        for _ in range(100):
            entered.enter_context(admission.enter("flooded"))
        for _ in range(4):
            entered.enter_context(admission.enter("quiet"))
        admission.judge(Forecast(), 0.001, 1000, model="newcomer")
        admission.judge(Forecast(), 0.001, model="quiet")
        with pytest.raises(Overloaded) as refusal:
            admission.judge(Forecast(), 1.0, model="flooded")
        assert refusal.value.retry_after == pytest.approx((100 * 2 - FEW) * 0.01)  # the other has half of the loop


def test_who_has_been_read_is_only_refused_without_hope() -> None:
    admission, forecast = Admission(1), Forecast(wait=3.0, compute=1.0)
    admission.judge(forecast, 4.001, is_new=False)
    with pytest.raises(Overloaded):
        admission.judge(forecast, 3.999, is_new=False)


@pytest.mark.parametrize("seen", [0, 900])
def test_a_flood_makes_the_flooded_model_wait_and_not_the_others(seen: int) -> None:
    admission = Admission(1000)
    admission.load.seconds = 0.1
    with ExitStack() as entered:
        for _ in range(300):
            entered.enter_context(admission.enter("flooded"))
        for _ in range(5):
            entered.enter_context(admission.enter("quiet"))
        with pytest.raises(Overloaded):
            admission.judge(Forecast(compute=0.5), 20.0, seen, model="flooded")
        admission.judge(Forecast(compute=0.5), 20.0, seen, model="quiet")
        admission.judge(Forecast(compute=0.5), 0.501, 0, model="new")


def test_who_has_been_read_is_only_turned_away_by_its_model() -> None:
    admission = Admission(1000)
    admission.load.seconds = 0.1
    admission.judge(Forecast(wait=1.0, compute=1.0), 2.001, inside=900, before=9.0, is_new=False)
    with pytest.raises(Overloaded):
        admission.judge(Forecast(wait=1.0, compute=1.0), 1.999, is_new=False)


def test_what_passes_before_it_is_queued_is_waited_for_too() -> None:
    with pytest.raises(Overloaded) as refusal:
        Admission(1).judge(Forecast(wait=1.0, compute=1.0), 4 * CAUTION - 0.001, before=2.0)
    assert refusal.value.retry_after == 3.0
    Admission(1).judge(Forecast(wait=1.0, compute=1.0), 4 * CAUTION + 0.001, before=2.0)


def test_a_few_requests_at_once_are_no_queue() -> None:
    admission = Admission(1000)
    admission.load.seconds = 0.1
    admission.judge(Forecast(), 0.001, FEW)


class Loop:
    """Looks that come so late, of which the loop had so much processor time, after so many answers."""

    def __init__(self) -> None:
        self.load = LoopLoad()
        self.now = 100.0
        self.used = 7.0
        self.load.look(self.now, self.used)
        self.load.look(self.now, self.used)

    def looks(self, count: int, late: float = 0.0, answers: int = 0, used: float = 0.2) -> float:
        for _ in range(count):
            for _ in range(answers):
                self.load.answered()
            self.now += BEAT + late
            self.used += used
            self.load.look(self.now, self.used)
        return self.load.seconds


def test_a_loop_that_keeps_up_costs_nothing_however_many_it_answers() -> None:
    assert Loop().looks(100, late=LATE / 2, answers=50) == 0.0


def test_a_loop_that_is_late_takes_for_each_answer_what_it_took_for_all() -> None:
    loop = Loop()
    assert loop.looks(1, late=0.5, answers=ANSWERS) == pytest.approx(0.2 / ANSWERS)
    assert loop.looks(100, late=0.5, answers=ANSWERS, used=0.4) == pytest.approx(0.4 / ANSWERS, rel=0.01)


def test_few_answers_are_gathered_over_several_looks() -> None:
    loop = Loop()
    assert loop.looks(ANSWERS - 1, late=0.18, answers=1) == 0.0
    assert loop.looks(1, late=0.18, answers=1) == pytest.approx(0.2)


def test_looks_at_a_loop_that_keeps_up_in_between_begin_anew() -> None:
    loop = Loop()
    loop.looks(ANSWERS - 1, late=0.18, answers=1)
    loop.looks(1, answers=1)
    assert loop.looks(1, late=0.18, answers=1) == 0.0


def test_it_does_not_stick_when_the_storm_is_over() -> None:
    loop = Loop()
    storm = loop.looks(50, late=0.18, answers=ANSWERS)
    assert loop.looks(1) < storm
    assert loop.looks(int(10 / BEAT)) < storm / 1000


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": TravelLoop}


@pytest.mark.anyio
async def test_the_loop_is_watched_until_that_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=asyncio.get_running_loop().time, thread_time=time.thread_time)
    monkeypatch.setattr("service.admission.time", clock)
    load, looks = LoopLoad(), list[float]()
    monkeypatch.setattr(load, "look", lambda now, used: looks.append(now))
    watching = asyncio.create_task(load.watch())
    with anyio.fail_after(20):
        for number in range(1, 4):
            await anyio.lowlevel.checkpoint()
            pass_time(BEAT)
            while len(looks) < number:
                await anyio.lowlevel.checkpoint()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert watching.cancelled()
    assert all(later - earlier >= BEAT for earlier, later in pairwise(looks))


async def read_for_ever(admission: Admission, seconds: float) -> None:
    async with admission.reading(seconds):
        await asyncio.Event().wait()


@pytest.mark.anyio
async def test_a_request_that_does_not_come_whole_in_time_is_late() -> None:
    reading = asyncio.create_task(read_for_ever(Admission(1), 5.0))
    await anyio.lowlevel.checkpoint()
    pass_time(5)
    with pytest.raises(DeadlineExceeded, match="before it had come whole"):
        await reading


@pytest.mark.anyio
async def test_requests_that_have_not_come_whole_at_the_end_are_told_so() -> None:
    admission = Admission(1)
    reading = [asyncio.create_task(read_for_ever(admission, 1000.0)) for _ in range(3)]
    async with admission.reading(1000.0):
        pass
    await anyio.lowlevel.checkpoint()
    admission.close()
    admission.stop_reading()
    for each in await asyncio.gather(*reading, return_exceptions=True):
        assert isinstance(each, ShuttingDown)
    assert not admission._readers


@pytest.mark.anyio
async def test_the_end_of_reading_may_meet_a_request_that_is_late_at_the_same_moment() -> None:
    admission = Admission(1)
    late, reading = (asyncio.create_task(read_for_ever(admission, seconds)) for seconds in (5.0, 1000.0))
    await anyio.lowlevel.checkpoint()
    admission.close()
    asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 5.0, admission.stop_reading)
    pass_time(6)
    with anyio.fail_after(20):
        for each in await asyncio.gather(late, reading, return_exceptions=True):
            assert isinstance(each, ShuttingDown)
    admission.stop_reading()


def test_a_loop_is_late_until_a_look_comes_in_time() -> None:
    load = LoopLoad()
    told = []
    for now in (0.0, 0.5, 0.52, 0.54):
        load.look(now, 0.0)
        told.append(load.is_late)
    assert told == [False, True, False, False]
