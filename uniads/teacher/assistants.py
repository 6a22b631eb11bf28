"""Teacher assistants: the pair's teacher teaches the first, each one the next, and the last one the student.

``+assistant=resnet56``, or a chain ``+assistant=[resnet56,resnet32]``. An assistant learns with ``teacher.distiller``
and ``teacher.recipe``, the whole of it, from ``teacher.seed``. It is trained on first use and kept beside the teachers.

Source: Mirzadeh et al., arXiv:1902.03393; its public code averages the KL divergence over classes too, and
its learning rate never takes the first of its three values. Here every step is the distiller that it is named.
"""

import json
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.context import context_for
from uniads.error import UnknownNameError, UserError
from uniads.learner.frozen import Frozen
from uniads.learner.learner import Learner
from uniads.model import checkpoint
from uniads.options import conf_dir, options
from uniads.teacher.provider import Teacher, kept, new_network, store_key, teacher_facts, teacher_for


def assistants(cfg: DictConfig) -> list[DictConfig]:
    """The assistants' networks, the teacher's own pupil first; none where ``assistant`` is not given.

    An entry is an option of the group ``model``, or a network's configuration, as ``+model@assistant=...`` gives it.

    Raises:
        UnknownNameError: an entry names no network.
    """
    given = OmegaConf.select(cfg, "assistant")
    entries = list(given) if isinstance(given, ListConfig) else [given] if given is not None else []
    return [entry if isinstance(entry, DictConfig) else _option(str(entry)) for entry in entries]


def _option(name: str) -> DictConfig:
    known = options("model")
    if name not in known:
        near = get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
        raise UnknownNameError(f"assistant {name!r} is no network. {hint} One of your own: +model@assistant=NAME")
    config = OmegaConf.load(conf_dir() / "model" / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    return config


def last_teacher(cfg: DictConfig, data: Data) -> Teacher:
    """Who teaches the student: the last assistant, or the pair's teacher where there is none.

    A stored assistant is taken as it is; only for one that has to be trained those before it are looked up.

    Raises:
        UnknownNameError: an assistant is no network.
        UserError: ``teacher.distiller`` asks no teacher, or a teacher can't be had.
    """
    return _taught(cfg, data, assistants(cfg))


def _taught(cfg: DictConfig, data: Data, models: list[DictConfig]) -> Teacher:
    """The last of these assistants."""
    if not models:
        return teacher_for(cfg, data)
    *before, model = models
    distiller: Distiller = instantiate(_lesson(cfg))
    if not distiller.needs_teacher:
        raise UserError("teacher.distiller asks no teacher, so an assistant would learn nothing from it; try kd")

    def learner(images: Data) -> Learner:
        teacher = _taught(cfg, data, before).network
        pl.seed_everything(cfg.teacher.seed, verbose=False)
        student, recipe = new_network(model, images), instantiate(cfg.teacher.recipe)
        distiller.adapt(context_for(student, teacher, images, recipe.batch_size, lambda: new_network(model, images)))
        return Learner(student, distiller, recipe, recipe.epochs, images.num_classes, Frozen(teacher))

    return kept(cfg, model, chain_key(cfg, models), data, learner, cfg.teacher.recipe.epochs)


def chain_key(cfg: DictConfig, models: list[DictConfig]) -> str:
    """A short hash of all that the last of these assistants depends on; without one, of the pair's teacher."""
    if not models:
        return store_key(cfg) if cfg.teacher.checkpoint is None else _digest(cfg.teacher.checkpoint)
    *before, model = models
    facts: dict[str, Any] = teacher_facts(cfg, model)
    lesson = OmegaConf.to_container(_lesson(cfg), resolve=True)
    plain = json.dumps({**facts, "distiller": lesson, "teacher": chain_key(cfg, before)}, sort_keys=True)
    return sha256(plain.encode()).hexdigest()[:12]


def _lesson(cfg: DictConfig) -> DictConfig:
    """``teacher.distiller`` with the teacher's seed where it asks for the training's."""
    own = cfg.copy()
    with open_dict(own):
        own.seed = cfg.teacher.seed
    lesson = own.teacher.distiller
    assert isinstance(lesson, DictConfig)
    return lesson


def as_teacher(cfg: DictConfig) -> DictConfig:
    """The configuration with the last assistant in the teacher's place, to show who teaches the student."""
    shown = cfg.copy()
    for model in assistants(cfg):
        with open_dict(shown):
            shown.teacher.model = model
    return shown


def _digest(file: str) -> str:
    """A short hash of a file's content.

    Raises:
        MissingFileError: there is no such file.
    """
    path = Path(file)
    if not path.is_file():
        checkpoint.read(path)  # which says so
    return _content(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _content(path: Path, changed: int) -> str:
    """The hash of a file as it was when it was last changed."""
    return sha256(path.read_bytes()).hexdigest()[:12]
