"""Where models go, as a pure function of devices and bytes."""

import pytest

from service.runtime.placement import Device, Footprint, PlacementRefused, Wanted, place

MIB = 2**20
HOST = Device("cpu:0")


def gpu(number: int, total: int | None = 100, taken: int = 0) -> Device:
    return Device(f"gpu:{number}", None if total is None else total * MIB, taken * MIB)


def test_without_another_device_everything_runs_on_the_host() -> None:
    placed = place("auto", [HOST], 10**15)
    assert (placed.devices, placed.warning) == (("cpu:0",), False)
    assert placed.why == "auto: there is no device but cpu:0"


@pytest.mark.parametrize(
    ("others", "needed", "chosen"),
    [
        ([gpu(0), gpu(1)], 10, "gpu:0"),
        ([gpu(0, taken=1), gpu(1)], 10, "gpu:1"),
        ([gpu(0, 100, 50), gpu(1, 80, 20)], 10, "gpu:1"),
        ([gpu(0), gpu(1)], 100, "gpu:0"),  # to the last byte
        ([gpu(0), gpu(1, None)], 10**6, "gpu:1"),  # nobody limits it
    ],
)
def test_auto_takes_the_device_with_most_room(others: list[Device], needed: int, chosen: str) -> None:
    placed = place("auto", [HOST, *others], needed * MIB, strict=True)
    assert (placed.devices, placed.bytes, placed.warning) == ((chosen,), needed * MIB, False)
    assert f"{chosen} has the most free of " in placed.why


def test_models_one_after_the_other_fill_all_devices_and_then_the_host() -> None:
    taken, went = {"gpu:0": 0, "gpu:1": 0}, []
    for needed in (60, 50, 40, 45, 30, 5):
        (device,) = place(
            "auto", [HOST, gpu(0, taken=taken["gpu:0"]), gpu(1, taken=taken["gpu:1"])], needed * MIB
        ).devices
        went.append(device)
        if device in taken:
            taken[device] += needed
    assert went == ["gpu:0", "gpu:1", "gpu:1", "cpu:0", "gpu:0", "gpu:0"]
    assert max(taken.values()) <= 100


def test_what_fits_nowhere_goes_to_the_host_with_a_warning() -> None:
    placed = place("auto", [HOST, gpu(0, 100, 60), gpu(1, 50)], 100 * MIB)
    assert (placed.devices, placed.warning) == (("cpu:0",), True)
    assert placed.why == "auto: no room on another device: 100.0 MiB needed, free are gpu:0: 40.0 MiB, gpu:1: 50.0 MiB"


def test_strict_refuses_it() -> None:
    with pytest.raises(PlacementRefused, match=r"strict is set: 100\.0 MiB needed, free are gpu:0: 40\.0 MiB"):
        place("auto", [HOST, gpu(0, 100, 60)], 100 * MIB, strict=True)


@pytest.mark.parametrize("names", [("cpu:0",), ("gpu:1",), ("gpu:1", "gpu:0"), ("gpu:0", "cpu:0")])
def test_what_is_named_is_taken_in_that_order(names: tuple[str, ...]) -> None:
    placed = place(names, [HOST, gpu(0), gpu(1)], MIB, strict=True)
    assert (placed.devices, placed.bytes, placed.warning) == (names, MIB, False)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("names", [("gpu:7",), ("gpu:0", "gpu:7")])
def test_a_device_that_is_not_there_is_refused(names: Wanted, strict: bool) -> None:
    with pytest.raises(PlacementRefused, match="there is no device 'gpu:7'; there are cpu:0, gpu:0"):
        place(names, [HOST, gpu(0)], MIB, strict=strict)


def test_who_names_a_crowded_device_is_believed_unless_strict() -> None:
    crowded = [HOST, gpu(0, 100, 95), gpu(1)]
    placed = place(("gpu:0", "gpu:1"), crowded, 10 * MIB)
    assert (placed.devices, placed.warning) == (("gpu:0", "gpu:1"), True)
    assert placed.why == "runtime.device names it, though 10.0 MiB needed, free are gpu:0: 5.0 MiB"
    with pytest.raises(PlacementRefused, match=r"where runtime\.device wants it"):
        place(("gpu:0", "gpu:1"), crowded, 10 * MIB, strict=True)


def test_batches_at_once_need_room_at_once() -> None:
    assert Footprint(weights=100, peak=7).bytes(instances=3) == 121
