"""An event loop whose time can be put forward, and how hard hypothesis tries."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import Phase, settings

from tests.unit.service.batching.bench import TravelLoop

# The first failure is enough: to make it smaller takes minutes where each try hangs.
settings.register_profile(
    "mutants", max_examples=8, phases=[Phase.generate], derandomize=True, database=None, deadline=None
)
settings.register_profile("long", max_examples=2000, deadline=None)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": TravelLoop}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failures are wanted here by the hundred, and to print one takes longer than to have it."""
    with structlog.testing.capture_logs():
        yield
