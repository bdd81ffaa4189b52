"""The device that golden answers are made on, in words that tell two of them apart."""

from __future__ import annotations

import platform
from pathlib import Path

from models.hardware import made_on, processor


def test_a_processor_is_told_by_name_and_model(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nmodel name\t: another\n"
    )
    assert processor(tmp_path / "cpuinfo") == "AMD EPYC (cpu family 25, model 17)"


def test_where_the_kernel_does_not_say_it_is_the_architecture(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") == platform.machine()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert processor(tmp_path / "cpuinfo") == platform.machine()


def test_an_accelerator_goes_before_the_processor_and_may_round() -> None:
    assert made_on([], tf32=True) == {"device": processor(), "precision": "float32"}
    assert made_on(["NVIDIA H100"], tf32=True) == {"device": "NVIDIA H100", "precision": "tf32"}
    assert made_on(["NVIDIA H100"], tf32=False) == {"device": "NVIDIA H100", "precision": "float32"}
