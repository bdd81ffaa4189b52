"""What is said during a training: plain lines now and then, with the time left."""

from __future__ import annotations

import io

from rich.console import Console

from training.callbacks import QUIET_SECONDS, Watch, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_come_seldom_and_tell_the_time_left() -> None:
    clock, said = Clock(), io.StringIO()
    watch = Watch("toy", epochs=2, batches=20, console=Console(file=said, width=200), clock=clock)

    watch.on_train_begin()
    for epoch in range(2):
        watch.on_epoch_begin(epoch)
        for batch in range(20):
            clock.now += 1.0
            watch.on_train_batch_end(batch, {"loss": 0.25, "answer_accuracy": 0.5})
    watch.on_train_end()

    lines = said.getvalue().splitlines()
    assert len(lines) == 40 / QUIET_SECONDS
    assert lines[0] == "toy  epoch 1/2  loss 0.25  answer_accuracy 0.5  35 s left"
    assert lines[-1].endswith("0 s left")


def test_time_left_after_resuming_counts_only_what_was_measured() -> None:
    clock, said = Clock(), io.StringIO()
    watch = Watch("toy", epochs=10, batches=10, console=Console(file=said, width=200), clock=clock)

    watch.on_train_begin()
    watch.on_epoch_begin(8)
    for batch in range(10):
        clock.now += 1.0
        watch.on_train_batch_end(batch, {})

    assert said.getvalue().splitlines()[-1].endswith("10 s left")


def test_long_times_are_said_in_minutes() -> None:
    assert duration(59.4) == "59 s"
    assert duration(61) == "1 min 1 s"
