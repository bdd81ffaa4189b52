"""What people are told who wait for a model, on a clock that is a number."""

from service.progress import Progress, Stage
from service.runtime.fake import FakeServable, fake_signature
from service.runtime.warmup import warm_up


class Clock:
    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def test_stages_follow_one_another_and_their_seconds_add_up() -> None:
    clock = Clock()
    progress = Progress(clock)
    assert progress.told() == {"stage": "waiting", "seconds": 0.0}
    clock.now += 1
    progress.enter("reading")
    clock.now += 2
    assert progress.told() == {"stage": "reading", "seconds": 3.0}
    progress.enter("warming up", of=4)
    progress.advance()
    clock.now += 0.5
    assert progress.told() == {"stage": "warming up", "done": 1, "of": 4, "seconds": 3.5}
    progress.enter("measuring")
    clock.now += 1
    progress.end()
    assert progress.seconds == {"waiting": 1.0, "reading": 2.0, "warming up": 0.5, "measuring": 1.0}


def test_a_stage_that_comes_again_goes_on() -> None:
    clock = Clock()
    progress = Progress(clock)
    stages: tuple[Stage, ...] = ("reading", "measuring", "reading")
    for stage in stages:
        progress.enter(stage)
        clock.now += 1
    progress.end()
    assert progress.seconds == {"waiting": 0.0, "reading": 2.0, "measuring": 1.0}


def test_a_warm_up_counts_what_it_runs() -> None:
    progress, fake = Progress(Clock()), FakeServable(fake_signature())
    told: list[dict[str, str | int | float]] = []
    run = fake.run

    def watched(inputs, heads):  # type: ignore[no-untyped-def]
        told.append(progress.told())
        return run(inputs, heads)

    fake.run = watched  # type: ignore[method-assign]
    warm_up(fake, [frozenset({"age", "room"}), frozenset({"age"})], [1, 32], progress)
    assert [(each["done"], each["of"]) for each in told[1:5]] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert (progress.told()["done"], progress.told()["of"]) == (4, 4)
