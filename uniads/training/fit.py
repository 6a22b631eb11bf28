"""fit(cfg) -> Outcome: one student trained as a configuration says. This is what Hydra multiruns."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from time import perf_counter
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from uniads.callback.rejection import RejectedError, Rejection
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.context import context_for, example
from uniads.error import UserError
from uniads.learner.frozen import GRAPHS, can_compile
from uniads.learner.learner import Learner
from uniads.learner.loop import Trained, device_of, score, train_quietly, train_visibly
from uniads.model import checkpoint
from uniads.model.base import Network, count_params
from uniads.model.flops import forward_flops
from uniads.outcome import Outcome
from uniads.teacher.assistants import assistants, chain_key, last_teacher
from uniads.teacher.provider import Teacher, chosen, judged, new_network
from uniads.teacher.source import asked, compile_mode, own_store, teacher_flops


class Parts(NamedTuple):
    """Everything that a training needs."""

    data: Data
    student: Network
    distiller: Distiller
    learner: Learner
    teacher: Teacher | None


def data_for(cfg: DictConfig) -> Data:
    """The data set of a configuration; read once a process and shared by its trainings."""
    return _data(OmegaConf.to_yaml(cfg.data, resolve=True))


@lru_cache(maxsize=4)
def _data(config: str) -> Data:
    data: Data = instantiate(OmegaConf.create(config))
    return data


_teachers: dict[str, Teacher] = {}


def _shared_teacher(cfg: DictConfig, data: Data) -> Teacher:
    """The teacher of a candidate; built once a process and shared by its trials, since none of them changes it."""
    key = f"{chain_key(cfg, assistants(cfg))} {cfg.teacher.checkpoint} {cfg.paths.teacher_dir}"
    if key not in _teachers:
        _teachers.clear()
        _teachers[key] = last_teacher(cfg, data)
    _teachers[key].network.cpu()  # a training before this one may have left it on a GPU
    return _teachers[key]


def parts_for(cfg: DictConfig) -> Parts:
    """Build data, teacher, student, distiller and learner. The seed decides the student's and adapters' weights."""
    _check_compiling(cfg)
    data = data_for(cfg)
    distiller: Distiller = instantiate(cfg.distiller)
    recipe = instantiate(cfg.recipe)
    shape = {"num_classes": data.num_classes, "in_channels": data.channels}
    if assistants(cfg) and not distiller.needs_teacher:
        raise UserError("this distiller asks no teacher, so nobody needs an assistant; remove +assistant")
    with torch.device("meta"):  # so that a mistake in a pupil shows before a teacher is trained
        for model in (chosen(cfg, "student"), *assistants(cfg)):
            instantiate(model, **shape)
    teacher_of = _shared_teacher if cfg.trial else last_teacher
    teacher = teacher_of(cfg, data) if distiller.needs_teacher else None
    if teacher and not cfg.trial:
        teacher = judged(teacher, cfg, data)
    pl.seed_everything(cfg.seed, verbose=False)
    student = new_network(chosen(cfg, "student"), data)
    taught_by = teacher.network if teacher else None
    context = context_for(student, taught_by, data, recipe.batch_size, lambda: new_network(cfg.student, data))
    distiller.adapt(context)
    asked_one = asked(cfg, data, distiller, teacher, context.taught) if teacher else None
    learner = Learner(student, distiller, recipe, cfg.epochs, data.num_classes, asked_one)
    return Parts(data, student, distiller, learner, teacher)


def _check_compiling(cfg: DictConfig) -> None:
    """Refuse what can't be compiled before a teacher is trained.

    Raises:
        UserError: a setting is no way to compile on this device, or graphs would spoil accumulated gradients.
    """
    batches = cfg.trainer.get("accumulate_grad_batches") or 1
    if cfg.compile == "graphs" and batches > 1:
        raise UserError(
            f"trainer.accumulate_grad_batches must be 1 with compile=graphs, got {batches}: each replay overwrites the "
            "gradients of the one before; use compile=true, or a larger recipe.batch_size"
        )
    device = device_of(cfg.trainer)
    for name, setting in (("compile", cfg.compile), ("teacher.compile", cfg.teacher.compile)):
        compile_mode(name, setting, device, 0, 0.0)


def fit(cfg: DictConfig, ready: Callable[[Parts], None] | None = None) -> Outcome:
    """Train a student to ``stop_epoch`` of a schedule of ``epochs``, and measure it.

    With ``trial=true`` it is quiet, validates once at the end and never reads the test set. Otherwise the last and the
    best epoch's students are kept, the exported student is written to ``student.pt``, and with ``test=true`` both are
    tested, once, at the end.

    Args:
        cfg: of the training.
        ready: called when everything is built and nothing of the student is trained.

    Raises:
        UserError: the configuration can't be trained; the message says which value is at fault.
    """
    begin = perf_counter()
    if not 0 < cfg.stop_epoch <= cfg.epochs:
        raise UserError(f"stop_epoch must be above 0 and at most epochs={cfg.epochs}, got {cfg.stop_epoch}")
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    # What earlier trainings of this process compiled: torch stops at eight networks of a class, and graphs hold memory.
    torch.compiler.reset()
    parts = parts_for(cfg)
    if ready:
        ready(parts)
    directory = Path(cfg.paths.run_dir)
    rejection = Rejection(parts.data.num_classes, cfg.chance)
    untrained = _measured(parts)
    _compile(cfg, parts)
    try:
        if cfg.trial:
            file = directory / "last.ckpt"
            trained = train_quietly(parts.learner, parts.data, cfg.trainer, cfg.stop_epoch, file, [rejection])
        else:
            extra = [instantiate(callback) for callback in cfg.callback.values()]
            logger = instantiate(cfg.logger) if cfg.logger else False
            settings = (parts.learner, parts.data, cfg.trainer, cfg.stop_epoch)
            trained = train_visibly(*settings, directory, [rejection, *extra], logger)
    except RejectedError as error:
        return replace(untrained, epochs=error.epochs, seconds=perf_counter() - begin, rejected=error.reason)
    test_last, test_best = (None, None) if cfg.trial else _exported(cfg, parts, trained, directory)
    if own := own_store(cfg):
        rmtree(own, ignore_errors=True)
    return replace(
        untrained,
        epochs=cfg.stop_epoch,
        seconds=perf_counter() - begin,
        train_loss=trained.train_loss,
        val_loss=trained.val_loss,
        val_acc1=trained.val_acc1,
        best_val_acc1=trained.best_val_acc1,
        best_epoch=trained.best_epoch,
        teacher_val_acc1=parts.teacher.val_acc1 if parts.teacher else None,
        test_acc1_last=test_last,
        test_acc1_best=test_best,
    )


def _compile(cfg: DictConfig, parts: Parts) -> None:
    """Compile the student's steps where that makes the training shorter. Its keys and weights stay as they are.

    On a CPU a compiled WRN-16-2 takes 1.03 times as long as one that is laid out channels last, so auto never does.
    """
    device = device_of(cfg.trainer)
    steps = cfg.epochs * len(parts.data.train(cfg.recipe.batch_size))
    mode = compile_mode("compile", cfg.compile, device, steps, 0.0)
    if mode and can_compile():
        parts.student.compile(mode=mode)
        parts.learner.graphs = mode == GRAPHS


def _measured(parts: Parts) -> Outcome:
    """What is known before any training: parameters, and floating-point operations of an image and of an epoch."""
    image = example(parts.data)[:1]
    student = forward_flops(parts.student, image)
    teacher = teacher_flops(parts.teacher.network, image.shape[1:]) if parts.teacher else 0
    images = len(parts.data.train(1).index)
    # A backward pass costs about two forward passes: one for the inputs' gradients, one for the weights'.
    trained = student + parts.distiller.flops
    return Outcome(count_params(parts.student), 0, student, images * (3 * trained + teacher), 0.0)


def _exported(cfg: DictConfig, parts: Parts, trained: Trained, directory: Path) -> tuple[float | None, float | None]:
    """Write the students of the last and the best epoch, and read the test set, once; returns their accuracies."""
    facts = {
        "config": OmegaConf.to_container(cfg.student, resolve=True),
        "num_classes": parts.data.num_classes,
        "in_channels": parts.data.channels,
    }
    checkpoint.save(parts.student, directory / "student.pt", epoch="last", **facts)
    last = _tested(cfg, parts)
    if trained.best is None:
        return last, None
    parts.student.load_state_dict(trained.best)
    checkpoint.save(parts.student, directory / "student_best.pt", epoch="best", **facts)
    return last, _tested(cfg, parts)


def _tested(cfg: DictConfig, parts: Parts) -> float | None:
    return score(parts.learner, parts.data, "test", cfg.trainer)["acc1"] if cfg.test else None
