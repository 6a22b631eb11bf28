"""The border: what is composed becomes plain values and finished objects."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, ListConfig

import uniads
from tests.journey import LIGHTNING, SMALL, small
from uniads.bridge.training_settings import configure
from uniads.error import UserError
from uniads.options import conf_dir
from uniads.training.fit import fit

pytestmark = LIGHTNING


def values_of(thing: Any) -> list[Any]:
    """Everything that settings hold, however deep."""
    if is_dataclass(thing):
        return [value for field in fields(thing) for value in values_of(getattr(thing, field.name))]
    if isinstance(thing, dict):
        return [value for each in thing.values() for value in values_of(each)]
    if isinstance(thing, list | tuple):
        return [value for each in thing for value in values_of(each)]
    return [thing]


@pytest.mark.parametrize(
    "more", [(), ("+assistant=[resnet14]",), ("distiller=searched", "data.views=2", "logger=wandb")]
)
def test_settings_hold_no_configuration(more: tuple[str, ...], tmp_path: Path) -> None:
    values = values_of(small(tmp_path, *more))
    assert len(values) > 50
    assert not [value for value in values if isinstance(value, DictConfig | ListConfig)]


def test_what_is_made_gets_plain_values() -> None:
    settings = configure(*SMALL, "paths.run_dir=here")
    student = settings.chosen_student(num_classes=4, in_channels=1)
    assert type(settings.recipe.milestones) is list
    assert type(settings.chosen_student.facts["blocks"]) is list
    assert student is not settings.chosen_student(num_classes=4, in_channels=1)


def test_settings_can_not_be_changed() -> None:
    settings = configure(*SMALL, "paths.run_dir=here")
    with pytest.raises(AttributeError):
        settings.seed = 1  # type: ignore[misc]


def test_seed_and_stop_epoch_and_schedule_are_what_the_command_line_says() -> None:
    settings = configure(*SMALL, "seed=5", "epochs=8", "stop_epoch=3", "paths.run_dir=here")
    assert (settings.seed, settings.schedule_epochs, settings.stop_epoch) == (5, 8, 3)
    assert settings.data.facts["seed"] == 5


def test_what_an_assistant_learns_with_has_the_teachers_seed() -> None:
    settings = configure(*SMALL, "seed=5", "teacher.seed=7", "distiller@teacher.distiller=crd", "paths.run_dir=here")
    assert settings.teacher.distiller.facts["crd"]["seed"] == 7
    assert settings.seed == 5


def test_a_trial_has_neither_logger_nor_callbacks() -> None:
    settings = configure(*SMALL, "callback=default", "trial=true", "paths.run_dir=here")
    assert (settings.logger, settings.callbacks) == (None, ())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stop_epoch=0", "stop_epoch must be a whole number above 0, got 0"),
        ("stop_epoch=4", "stop_epoch must be above 0 and at most epochs=3, got 4"),
        ("teacher.stop_epoch=6", r"teacher.stop_epoch must be above 0 and at most teacher.recipe.epochs=5, got 6"),
    ],
)
def test_a_stop_outside_of_the_schedule_is_refused(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        configure(*SMALL, override, "paths.run_dir=here")


def test_without_a_directory_results_go_where_the_command_would_put_them(tmp_path: Path) -> None:
    settings = configure(*SMALL, f"paths.output_dir={tmp_path}")
    assert settings.directory.parent == tmp_path / "train" / "resnet56-resnet20"


def test_it_works_inside_another_hydra_application(tmp_path: Path) -> None:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        outcome = uniads.fit(configure(*SMALL, f"paths.run_dir={tmp_path / 'run'}", f"paths.teacher_dir={tmp_path}"))
        assert uniads.build("transform", "mask", keep=0.5).keep == 0.5
        assert GlobalHydra.instance().hydra is outer
        assert compose("train", ["seed=3"]).seed == 3
    assert outcome.test_acc1_last is not None
    assert (tmp_path / "run" / "student.pt").exists()


def test_the_package_offers_what_it_lists() -> None:
    assert uniads.fit is fit
    assert uniads.configure is configure
    for name in uniads.__all__:
        assert getattr(uniads, name) is not None
    with pytest.raises(AttributeError, match="module 'uniads' has no attribute 'nothing'"):
        getattr(uniads, "nothing")  # noqa: B009
