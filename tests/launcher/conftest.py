"""Batches of cheap jobs on a real launcher."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.launcher.driver import launching, trials_of
from uniads.search.trial import Trial

Batch = Callable[..., list[Trial]]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Runs one batch of jobs, named in order."""

    def run(*faults: str | None, launcher: tuple[str, ...]) -> list[Trial]:
        with launching(tmp_path, *launcher) as launch:
            return list(launch(trials_of(*faults)))

    return run
