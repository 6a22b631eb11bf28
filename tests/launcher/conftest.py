"""Batches of cheap jobs on a real launcher."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.launcher.jobs import job
from uniads.launch import Launch
from uniads.options import conf_dir
from uniads.search.trial import Trial

PAIR = ("+pair=resnet56-resnet20", "data=fake", "logger=csv")
Batch = Callable[..., list[Trial]]


def trials_of(*faults: str | None) -> list[Trial]:
    """One pending trial for each fault; None is a good job."""
    return [
        Trial(f"c{number:04d}", (number,), () if name is None else (f"+fault={name}",), 0, 0, 1, 100 + number)
        for number, name in enumerate(faults)
    ]


@contextmanager
def launching(directory: Path, *launcher: str) -> Iterator[Launch]:
    """A launch of cheap jobs, closed at the end."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        launch = Launch(loader, PAIR, launcher, directory / "trials", 2, 0, lambda trial: 0.0, job)
        try:
            yield launch
        finally:
            launch.close()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Runs one batch of jobs, named in order."""

    def run(*faults: str | None, launcher: tuple[str, ...]) -> list[Trial]:
        with launching(tmp_path, *launcher) as launch:
            return list(launch(trials_of(*faults)))

    return run
