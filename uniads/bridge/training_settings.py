"""The border: from a composed configuration to settings. Below it nobody knows of Hydra or OmegaConf."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.errors import HydraException, InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from pytorch_lightning import Callback, Trainer
from torch import nn

from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.error import UserError, unknown
from uniads.options import compose, option_facts, options
from uniads.recipe import Recipe
from uniads.schema.check import check
from uniads.schema.choice import check_choices
from uniads.schema.explain import format_error
from uniads.schema.section import TARGET
from uniads.schema.signature import check_signature
from uniads.search import Rejection, Schedule, Shrinkage
from uniads.settings.blueprint import Blueprint
from uniads.settings.store import TeacherStoreSettings
from uniads.settings.teacher import TeacherSettings
from uniads.settings.trainer import TrainerSettings
from uniads.settings.training import TrainingSettings

KINDS: Mapping[str, type] = {
    **dict.fromkeys(("student", "teacher.model", "assistant", "model"), nn.Module),
    **dict.fromkeys(("distiller", "teacher.distiller"), Distiller),
    **dict.fromkeys(("recipe", "teacher.recipe"), Recipe),
    "data": Data,
    "trainer": Trainer,
    "callback": Callback,
    "search.schedule": Schedule,
    "search.rejection": Rejection,
    "search.shrinkage": Shrinkage,
}
"""What belongs at each key."""


def configure(*overrides: str) -> TrainingSettings:
    """The settings of one training, from Python: ``configure("+pair=resnet56-resnet20", "distiller=kd", "epochs=2")``.

    They are what ``python -m uniads.train`` with the same arguments has. It works inside another Hydra application,
    too. Give them to ``uniads.fit``.

    Args:
        overrides: as on the command line. Without ``paths.run_dir=DIR`` results go into a new folder under
            ``paths.output_dir``.

    Raises:
        UserError: a value is out of its range, or an option, a key or another name is unknown.
    """
    check_choices(overrides)
    try:
        cfg = compose("train", overrides)
    except HydraException as error:
        raise UserError(format_error(error)) from error
    if not any(override.lstrip("+").startswith("paths.run_dir=") for override in overrides):
        cfg.paths.run_dir = cfg.hydra.run.dir
    check("train", cfg)
    return training_settings(cfg)


def training_settings(cfg: DictConfig) -> TrainingSettings:
    """The settings of one training.

    Args:
        cfg: composed from ``conf/train.yaml``.

    Raises:
        UserError: a value is out of its range, or a name is unknown.
        OmegaConfBaseException: a value that is needed is missing, or has the wrong type.
    """
    directory = Path(cfg.paths.run_dir)
    return TrainingSettings(
        pair=str(cfg.pair),
        student=_find_blueprint(cfg, "student"),
        teacher=_teacher_settings(cfg),
        distiller=blueprint(cfg.distiller, "distiller"),
        recipe=blueprint(cfg.recipe, "recipe")(),
        data=blueprint(cfg.data, "data"),
        trainer=trainer_settings(cfg.trainer),
        seed=cfg.seed,
        schedule_epochs=cfg.epochs,
        stop_epoch=cfg.stop_epoch,
        test=cfg.test,
        trial=cfg.trial,
        chance=cfg.chance,
        compile=cfg.compile,
        threads=cfg.threads,
        memory_format=cfg.memory_format,
        statistics=cfg.statistics,
        dtype=cfg.dtype,
        store=_store_settings(cfg, directory),
        directory=directory,
        plan=cfg.plan,
        # A trial is quiet and logs nowhere.
        callbacks=()
        if cfg.trial
        else tuple(blueprint(callback, f"callback.{name}") for name, callback in cfg.callback.items()),
        logger=blueprint(cfg.logger, "logger") if cfg.logger and not cfg.trial else None,
    )


def _teacher_settings(cfg: DictConfig) -> TeacherSettings:
    teacher = cfg.teacher
    return TeacherSettings(
        model=_find_blueprint(cfg, "teacher.model"),
        assistants=_assistants(cfg),
        checkpoint=None if teacher.checkpoint is None else Path(teacher.checkpoint),
        train=teacher.train,
        seed=teacher.seed,
        recipe=blueprint(teacher.recipe, "teacher.recipe")(),
        stop_epoch=teacher.stop_epoch,
        distiller=_lesson(cfg),
        dtype=teacher.dtype,
        compile=teacher.compile,
        directory=Path(cfg.paths.teacher_dir),
    )


def _store_settings(cfg: DictConfig, directory: Path) -> TeacherStoreSettings:
    """A directory that is given is shared; without one, only a training with ``data.views`` hears an answer twice."""
    store = cfg.teacher_store
    own = store.directory is None and cfg.data.views is not None
    place = directory / "teacher_store" if own else store.directory
    return TeacherStoreSettings(None if place is None else Path(place), own, store.dtype, store.max_gb)


def _assistants(cfg: DictConfig) -> tuple[Blueprint[Any], ...]:
    """The assistants' networks; none where ``assistant`` is not given.

    An entry is an option of the group ``model``, or a network's configuration, as ``+model@assistant=...`` gives it.

    Raises:
        UnknownNameError: an entry names no network.
    """
    given = OmegaConf.select(cfg, "assistant")
    entries = list(given) if isinstance(given, ListConfig) else [given] if given is not None else []
    return tuple(
        blueprint(entry, "assistant") if isinstance(entry, DictConfig) else _named_network(str(entry))
        for entry in entries
    )


def _named_network(name: str) -> Blueprint[Any]:
    if name not in options("model"):
        raise unknown("network", name, options("model"), "As an assistant, one of your own: +model@assistant=NAME")
    return _blueprint_of(option_facts("model", name), "assistant")


def _lesson(cfg: DictConfig) -> Blueprint[Any]:
    """``teacher.distiller``. Where its values refer to ``seed`` they get the teacher's, not the student's."""
    own = cfg.copy()
    with open_dict(own):
        own.seed = cfg.teacher.seed
    return blueprint(own.teacher.distiller, "teacher.distiller")


def trainer_settings(trainer: DictConfig) -> TrainerSettings:
    """The settings of Lightning's trainer.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    return TrainerSettings(blueprint(trainer, "trainer"), find_device(str(trainer.accelerator)))


def find_device(accelerator: str) -> torch.device:
    """The device that a trainer with this accelerator uses.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(f"trainer.accelerator={accelerator} asks for a GPU, and there is none; use auto or cpu")
    on_gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def _find_blueprint(cfg: DictConfig, key: str) -> Blueprint[Any] | None:
    """The blueprint at a key; None where nothing is chosen."""
    found = OmegaConf.select(cfg, key)
    return None if found is None else blueprint(found, key)


def blueprint(cfg: DictConfig, key: str) -> Blueprint[Any]:
    """The blueprint of what a configuration describes by ``_target_``.

    Args:
        cfg: the configuration.
        key: where it stands, for messages.

    Raises:
        UserError: its class is not there, or does not take these keys and types of values.
    """
    return _blueprint_of(plain(cfg), key)


def make_optional(cfg: DictConfig | None, key: str) -> Any:
    """What a configuration describes; None where it is null.

    Args:
        cfg: the configuration.
        key: where it stands, for messages.

    Raises:
        UserError: it can't be made.
    """
    return None if cfg is None else blueprint(cfg, key)()


def _blueprint_of(facts: dict[str, Any], key: str) -> Blueprint[Any]:
    check_signature(key, facts)
    return Blueprint(facts, partial(_make, key))


def _make(key: str, facts: Mapping[str, Any], **more: Any) -> Any:
    """Make what facts describe.

    Raises:
        UserError: it can't be made with these values; the message begins with the key of what is at fault.
    """
    try:
        made = instantiate(facts, **more, _convert_="all")
    except InstantiationException as error:
        inner = re.search(r"full_key: (.+)", str(error))
        place = f"{key}.{inner[1]}" if inner else key
        cause = error.__cause__ or error
        kind = type(cause) if isinstance(cause, UserError) else UserError
        said = str(cause).strip()
        raise kind(said if said.startswith(f"{key}.") else f"{place}: {said}") from cause
    wanted = KINDS.get(key.partition(".")[0] if key.startswith("callback.") else key, object)
    if not isinstance(made, wanted):
        raise UserError(
            f"{key}.{TARGET}: {facts[TARGET]} makes a {type(made).__name__}, where a {wanted.__name__} belongs"
        )
    return made


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain values, references resolved."""
    facts = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(facts, dict)
    return {str(name): value for name, value in facts.items()}
