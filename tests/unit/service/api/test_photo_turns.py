"""How long a newcomer waits for its first photo, given who is in line and how long photos took."""

import pytest

from service.api.photo_turns import PhotoTurns


def line(threads: int, *left: int, seconds: float = 0.3) -> PhotoTurns:
    turns = PhotoTurns(threads)
    for request, photos in enumerate(left):
        turns.wait(request, photos)
    turns.took(seconds)
    return turns


@pytest.mark.parametrize(
    ("threads", "left", "expected"),
    [
        (1, (), 0.0),
        (1, (1,), 0.6),
        (1, (150,), 0.6),
        (1, (150, 150), 0.9),
        (2, (150,), 0.0),
        (2, (150, 150), 0.45),
        (2, (150, 150, 1, 1), 0.75),
        (4, (9, 9, 9), 0.0),
    ],
)
def test_requests_count_and_not_their_photos(threads: int, left: tuple[int, ...], expected: float) -> None:
    turns = line(threads, *left)
    assert turns.forecast() == pytest.approx(expected)
    assert turns.pending == sum(left)


def test_nothing_is_predicted_before_a_photo_was_decoded() -> None:
    turns = PhotoTurns(1)
    for request in range(100):
        turns.wait(request, 150)
    assert (turns.forecast(), turns.seconds) == (0.0, 0.0)


def test_the_newest_photos_count_most() -> None:
    turns = line(1, 5, seconds=1.0)
    for _ in range(20):
        turns.took(0.1)
    assert turns.seconds == pytest.approx(0.1, abs=0.02)
    turns.took(1.0)
    assert 0.1 < turns.seconds < 0.4


def test_who_leaves_is_waited_for_no_longer() -> None:
    turns = line(1, 150, 150)
    turns.wait(0, 149)
    assert turns.pending == 299
    turns.leave(0)
    turns.leave(0)
    assert turns.pending == 150
    assert turns.forecast() == pytest.approx(0.6)
    assert repr(turns) == "<PhotoTurns [1 requests, 150 photos, 0.3 s each]>"
