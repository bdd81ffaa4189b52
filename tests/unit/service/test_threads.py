"""What a process may use of its machine."""

from pathlib import Path

import pytest

from service.threads import behind_the_loop, usable_cores


@pytest.mark.parametrize(
    ("quota", "cores"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None), ("", None)]
)
def test_no_more_cores_than_the_container_has_time_for(tmp_path: Path, quota: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    everything = usable_cores(tmp_path / "nothing")
    assert everything >= 1
    assert usable_cores(tmp_path / "cpu.max") == (cores or everything)


def test_what_could_not_be_started_is_told() -> None:
    def start() -> None:
        raise RuntimeError("cannot be set up any more")

    with pytest.raises(RuntimeError, match="cannot be set up any more"):
        behind_the_loop(start)
