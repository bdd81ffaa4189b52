"""The generator measures itself, against a process that does nothing."""

from __future__ import annotations

import pytest

from benchmarks.ceiling import find_ceiling

pytestmark = pytest.mark.anyio


async def test_the_generator_issues_far_more_than_a_service_takes() -> None:
    assert await find_ceiling(body_bytes=500, callers=8, seconds=0.2) > 500
