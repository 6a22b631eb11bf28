"""The commands and their configurations as tests use them: on small networks and small data."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from uniads.bridge.search_settings import SearchSettings, search_settings
from uniads.bridge.space import build_dressing, build_space
from uniads.bridge.student import Students
from uniads.bridge.training_settings import training_settings
from uniads.bridge.warm_start import WarmStart
from uniads.command.run import FULL
from uniads.options import conf_dir, other_hydra_put_aside
from uniads.search.space import SearchSpace
from uniads.settings.training import TrainingSettings

RECORDED = Path(__file__).parents[1] / "benchmarks" / "ledgers" / "digits_resnet56-resnet20.jsonl.gz"
"""A ledger of real trainings."""

EASY = (
    "data=fake", "data.num_classes=4", "data.image_size=[1,8,8]", "data.train_size=320", "data.test_size=40",
    "data.noise=4", "data.padding=1", "data.flip=false",
)  # fmt: skip
"""Images that a small network tells apart after an epoch."""

SMALL = (
    "+pair=resnet56-resnet20", "model@teacher.model=resnet14", "model@student=resnet8", *EASY,
    "recipe.batch_size=16", "recipe.epochs=3", "recipe.milestones=[2]",
    "teacher.recipe.batch_size=16", "teacher.recipe.epochs=5", "teacher.recipe.milestones=[4]",
    "callback=none", "logger=csv",
)  # fmt: skip
"""A training that takes a second."""

LIGHTNING = [
    pytest.mark.filterwarnings(f"ignore:::{module}")
    for module in ("pytorch_lightning", "lightning_fabric", "torch.optim", "torchmetrics")
]
"""Marks of tests that train: what the commands keep off the terminal is no error there."""


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    error: str


def configured(*overrides: str, root: str = "train") -> DictConfig:
    """A command's configuration."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(root, list(overrides))


def small(directory: Path, *overrides: str) -> TrainingSettings:
    """The settings of a small training in a directory of its own."""
    places = (f"paths.run_dir={directory}", f"paths.teacher_dir={directory.parent / 'teachers'}")
    return training_settings(configured(*SMALL, *places, *overrides))


class Searched(NamedTuple):
    """A search's settings, its students and its space."""

    settings: SearchSettings
    students: Students
    warm_start: WarmStart
    space: SearchSpace


def search_space(*overrides: str, shape: Mapping[str, int], folder: Path | None = None) -> Searched:
    """The space of a search command with these overrides.

    Args:
        overrides: of the command line.
        shape: ``num_classes`` and ``in_channels``.
        folder: of the configuration; None for the package's own.
    """
    with other_hydra_put_aside(), initialize_config_dir(str(folder or conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration("search", list(overrides), RunMode.RUN)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "nowhere"
        HydraConfig.instance().set_config(cfg)
        settings = search_settings(cfg, loader)
    dressing = build_dressing(settings, (shape["in_channels"], 32, 32))
    students = Students(settings.training.chosen_student, settings.space.models, shape, dressing)
    warm_start = WarmStart(settings.space.base_distiller, settings.space.warm_start, settings.space.defaults)
    return Searched(settings, students, warm_start, build_space(settings, students, warm_start))


class Commands:
    """Runs commands in this process, as their ``main`` runs in its own."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capture = patch, capture

    def __call__(self, main: Callable[[], None], *arguments: str) -> Ended:
        """Run a command to its end."""
        self.patch.setattr(sys, "argv", [main.__module__, *arguments])
        self.patch.setenv(FULL, "0")
        GlobalHydra.instance().clear()
        self.capture.readouterr()
        error = ""
        code = 0
        try:
            main()
        except SystemExit as end:
            # The interpreter prints a text that a program exits with, and returns 1 for it.
            code, error = (1, end.code) if isinstance(end.code, str) else (int(end.code or 0), "")
        out, printed = self.capture.readouterr()
        return Ended(code, out, printed + error)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    """Runs commands in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


def refused(ended: Ended, *words: str) -> None:
    """One sentence that holds these words, and how to see more."""
    assert ended.code == 1
    assert "Traceback" not in ended.out + ended.error
    assert ended.error.startswith("error: ")
    assert ended.error.count("\n") == 1, ended.error
    assert ended.error.endswith("(HYDRA_FULL_ERROR=1 shows where it happened.)")
    for word in words:
        assert word in ended.error
