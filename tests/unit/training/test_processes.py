"""A training alone with its model: others wait, leftovers of a killed one go, a gone parent ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from training import processes
from training.processes import Stopped, training_alone


def test_a_leftover_draft_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "toy" / ".draft-abc").mkdir(parents=True)
    (tmp_path / "toy" / "1").mkdir()

    with training_alone(tmp_path / "toy", print):
        names = sorted(path.name for path in (tmp_path / "toy").iterdir())

    assert names == [".training.lock", "1"]


def test_a_second_training_of_the_same_model_waits_and_says_for_whom(tmp_path: Path) -> None:
    said: list[str] = []
    waiting, entered = threading.Event(), threading.Event()

    def say(line: str) -> None:
        said.append(line)
        waiting.set()

    def second() -> None:
        with training_alone(tmp_path / "toy", say):
            entered.set()

    thread = threading.Thread(target=second)
    with training_alone(tmp_path / "toy", print):
        draft = tmp_path / "toy" / ".draft-mine"
        draft.mkdir()
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
        assert draft.exists()
    thread.join(10)

    assert entered.is_set()
    assert said == [f"toy: process {os.getpid()} is training it already; waiting for it to end"]


def test_a_signal_becomes_stopped_with_the_shells_exit_code() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        processes.stop_on_signals()
        with pytest.raises(Stopped, match="SIGTERM") as stopped:
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert stopped.value.exit_code == 143


CHILD = """
import signal, sys
from training.processes import Stopped, end_with_parent, stop_on_signals
stop_on_signals()
end_with_parent()
print("watching", flush=True)
try:
    signal.pause()
except Stopped as stopped:
    sys.stdout.write(f"ended {stopped.exit_code}")
    sys.stdout.flush()
"""
PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, stderr=None)
child.stdout.readline()
read = child.stdout.fileno()
print(read, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_training_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    output = tmp_path / "out"
    script = CHILD.replace(
        'print("watching", flush=True)', 'print("watching", flush=True); sys.stdout = open(OUT, "w")'
    )
    script = script.replace("OUT", repr(str(output)))
    alive, ours = os.pipe()  # the child holds one end: reading the other ends when the child has ended
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("stderr=None", f"pass_fds=({ours},)"), script],
        stdout=subprocess.DEVNULL,
        pass_fds=(ours,),
    )
    os.close(ours)
    parent.wait(20)
    with os.fdopen(alive, "rb") as pipe:
        pipe.read()

    assert output.read_text() == "ended 143"
