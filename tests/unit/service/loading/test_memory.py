"""What fits and what does not, from the kernel's files as they stand in a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from service.loading.memory import MEGABYTE, NotEnoughMemory, available, needed_by, refuse_too_large, weights_in

MEMINFO = "MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:     400000 kB\n"


def put(root: Path, **files: str | int) -> None:
    """`a__b` is a file `b` in a folder `a`."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def put_in(folder: Path, **files: str | int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("memory_", "memory.", 1)).write_text(f"{content}\n")


def test_what_is_too_large_is_told_in_megabytes() -> None:
    with pytest.raises(NotEnoughMemory, match=r"to load its weights takes about 512 MB, 300 MB are available"):
        refuse_too_large(512 * MEGABYTE, 300 * MEGABYTE)
    with pytest.raises(NotEnoughMemory, match=r"about 1\.5 MB, 0\.0 MB are available"):
        refuse_too_large(3 * MEGABYTE // 2, -5)
    refuse_too_large(300 * MEGABYTE, 300 * MEGABYTE)
    refuse_too_large(2**50, None)


def test_without_linux_nobody_knows(tmp_path: Path) -> None:
    assert available(tmp_path) is None


def test_the_machine_says_what_is_available(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO)
    assert available(tmp_path) == 400_000 * 1024


def test_the_tightest_group_counts_and_what_it_read_from_files_does_not(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/pods/one")
    top = tmp_path / "sys/fs/cgroup"
    put_in(top / "pods", memory_max=1_000_000, memory_current=900_000, memory_stat="anon 1\ninactive_file 50000")
    put_in(top / "pods/one", memory_max="max", memory_current=800_000)
    assert available(tmp_path) == 150_000
    put_in(top / "pods/one", memory_max=810_000, memory_current=800_000)
    assert available(tmp_path) == 10_000


def test_a_container_sees_its_own_group_at_the_top(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/docker/of/the/host")
    put_in(tmp_path / "sys/fs/cgroup", memory_max=500_000, memory_current=100_000)
    assert available(tmp_path) == 400_000


def test_groups_of_version_1(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="9:name=systemd:/\n4:memory,cpu:/pods\n0::/")
    top = tmp_path / "sys/fs/cgroup/memory"
    put_in(top, memory_limit_in_bytes=9_223_372_036_854_771_712, memory_usage_in_bytes=1)
    assert available(tmp_path) == 400_000 * 1024
    stat = "inactive_file 1\ntotal_inactive_file 5000"
    put_in(top / "pods", memory_limit_in_bytes=90_000, memory_usage_in_bytes=60_000, memory_stat=stat)
    assert available(tmp_path) == 35_000


def test_this_machine_has_some() -> None:
    found = available()
    assert found is None or found > 0


def test_weights_are_measured_in_the_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as file:
        file.writestr("config.json", "{}")
        file.writestr("model.weights.h5", b"\0" * 5000)
    (tmp_path / "b.keras").write_bytes(b"no zip")
    assert weights_in(tmp_path / "a.keras") == 5000
    assert needed_by(tmp_path / "a.keras") == 15_000
    assert weights_in(tmp_path / "b.keras") == weights_in(tmp_path / "none.keras") == 0
    put(tmp_path, saved__saved_model="a graph", saved__variables__data="x" * 700)
    assert weights_in(tmp_path / "saved" / "saved_model") == 701
