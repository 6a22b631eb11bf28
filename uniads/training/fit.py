"""fit(settings) -> Outcome: one student trained as its settings say. This is what Hydra multiruns."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from shutil import rmtree
from time import perf_counter
from typing import Any

import torch
from pytorch_lightning import Callback

from uniads.callback.rejection import RejectedError, RejectHopeless
from uniads.distiller.context import example
from uniads.learner.compiling import GRAPHS, can_compile, compile_mode
from uniads.learner.kept import IDENTITY, Kept
from uniads.learner.loop import Trained, load_training, score, train_quietly, train_visibly
from uniads.learner.shares import MeasureShares
from uniads.learner.statistics import EstimateStatistics, estimate_statistics
from uniads.model import checkpoint
from uniads.model.base import count_params
from uniads.model.connected import CONNECTED, Connected
from uniads.model.flops import forward_flops
from uniads.outcome import OUTCOME, Outcome
from uniads.settings.training import ESTIMATED, TrainingSettings
from uniads.teacher.source import teacher_flops
from uniads.teacher.watcher import TeacherWatcher
from uniads.training.directory import LAST, check_directory
from uniads.training.identity import identify_training
from uniads.training.parts import Parts, build_parts


def fit(
    settings: TrainingSettings,
    ready: Callable[[Parts], None] | None = None,
    watcher: TeacherWatcher | None = None,
) -> Outcome:
    """Train a student to ``stop_epoch`` of a schedule of ``schedule_epochs``, and measure it.

    A trial is quiet, validates once at the end and never reads the test set. Otherwise the last and the best epoch's
    students are kept, the exported student is written to ``student.pt``, and with ``test`` both are tested, once, at
    the end, and ``outcome.json`` has all numbers.

    Args:
        settings: of the training.
        ready: called when everything is built and nothing of the student is trained.
        watcher: observes the training of a teacher, where there is none yet.

    Raises:
        DirectoryError: the directory holds another training; nothing in it was changed.
        UserError: it can't be trained like that; the message says which value is at fault.
    """
    begin = perf_counter()
    if not settings.trial:
        check_directory(settings)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    # Forget what earlier trainings of this process compiled: torch compiles at most eight networks of a class, and
    # recorded graphs hold memory.
    torch.compiler.reset()
    parts = build_parts(settings, watcher)
    if ready:
        ready(parts)
    untrained = _measure_untrained(parts)
    _compile_student(settings, parts)
    try:
        shares = MeasureShares()
        trained = _train(settings, parts, shares)
        test_last, test_best = (None, None) if settings.trial else _export_students(settings, parts, trained)
    except RejectedError as error:
        _remove_own_store(settings)
        factors = parts.distiller.factors
        seconds = perf_counter() - begin
        rejected = replace(untrained, epochs=error.epochs, seconds=seconds, factors=factors, rejected=error.reason)
        return _keep(settings, rejected)
    _remove_own_store(settings)
    outcome = replace(
        untrained,
        epochs=settings.stop_epoch,
        seconds=perf_counter() - begin,
        train_loss=trained.train_loss,
        val_loss=trained.val_loss,
        val_acc1=trained.val_acc1,
        best_val_acc1=trained.best_val_acc1,
        best_epoch=trained.best_epoch,
        teacher_val_acc1=parts.teacher.val_acc1 if parts.teacher else None,
        test_acc1_last=test_last,
        test_acc1_best=test_best,
        factors=parts.distiller.factors,
        shares=shares.means,
    )
    return _keep(settings, outcome)


def _keep(settings: TrainingSettings, outcome: Outcome) -> Outcome:
    """Write an outcome beside the student; of a trial its launcher does."""
    if not settings.trial:
        settings.directory.mkdir(parents=True, exist_ok=True)  # a training that was stopped early has left nothing yet
        (settings.directory / OUTCOME).write_text(json.dumps(asdict(outcome), indent=2) + "\n", encoding="utf-8")
    return outcome


def _remove_own_store(settings: TrainingSettings) -> None:
    """Remove the store of a training that has ended; an interrupted one goes on with it."""
    if settings.store.own and settings.store.directory:
        rmtree(settings.store.directory, ignore_errors=True)


def _train(settings: TrainingSettings, parts: Parts, shares: MeasureShares) -> Trained:
    """Train quietly as a trial, else visibly, with a look at every term's share.

    Raises:
        RejectedError: the training was stopped as hopeless.
    """
    # A student that does not learn from the labels, as SimKD's, may be far above chance level and well all the same.
    chance = settings.chance if parts.distiller.task > 0 else None
    rejection = RejectHopeless(parts.data.num_classes, chance)
    rules: list[Callback] = [rejection]
    if settings.statistics == ESTIMATED and parts.data.holdout:
        rules.append(EstimateStatistics(load_training(parts.learner, parts.data, settings.trainer)))
    shared = (parts.learner, parts.data, settings.trainer, settings.stop_epoch)
    kept = Kept(settings.directory / LAST, describe_student(settings, parts))
    if settings.trial:
        return train_quietly(*shared, kept, rules)
    callbacks = [callback() for callback in settings.callbacks]
    logger = settings.logger() if settings.logger else False
    return train_visibly(*shared, kept, [*rules, shares, *callbacks], logger)


def describe_student(settings: TrainingSettings, parts: Parts) -> dict[str, Any]:
    """Facts about a student that its files hold: what it is, what it was trained on, and what else decided."""
    data, student = parts.data, parts.student
    classes = getattr(data, "classes", None)
    return {
        "config": dict(settings.chosen_student.facts),
        **({CONNECTED: dict(student.facts)} if isinstance(student, Connected) else {}),
        "num_classes": data.num_classes,
        "in_channels": data.channels,
        "data": {
            "name": settings.data.name,
            "mean": [float(value) for value in data.mean],
            "std": [float(value) for value in data.std],
            "size": [int(value) for value in data.size],
            "classes": [str(name) for name in classes] if isinstance(classes, list | tuple) else None,
        },
        IDENTITY: identify_training(settings),
    }


def _compile_student(settings: TrainingSettings, parts: Parts) -> None:
    """Compile the student's steps where that makes the training shorter. Its keys and weights stay as they are.

    On a CPU a compiled WRN-16-2 takes 1.03 times as long as one that is laid out channels last, so auto never does. Nor
    does it for DOT, whose second backward pass a compiled student does not allow.
    """
    if settings.recipe.optimizer == "dot":
        return
    steps = settings.schedule_epochs * len(parts.data.train(settings.recipe.batch_size))
    mode = compile_mode("compile", settings.compile, settings.trainer.device, steps, 0.0)
    if mode and can_compile():
        parts.student.compile(mode=mode)
        parts.learner.graphs = mode == GRAPHS


def _measure_untrained(parts: Parts) -> Outcome:
    """What is known before any training: parameters, and floating-point operations of an image and of an epoch."""
    image = example(parts.data)[:1]
    student = forward_flops(parts.student, image)
    teacher = teacher_flops(parts.teacher.network, tuple(image.shape[1:])) if parts.teacher else 0
    images = len(parts.data.train(1).index) * parts.distiller.views
    # A backward pass costs about two forward passes: one for the inputs' gradients, one for the weights'.
    trained = student + parts.distiller.flops
    return Outcome(count_params(parts.student), 0, student, images * (3 * trained + teacher), 0.0)


def _export_students(settings: TrainingSettings, parts: Parts, trained: Trained) -> tuple[float | None, float | None]:
    """Write the students of the last and the best epoch, and read the test set, once; returns their accuracies."""
    facts = describe_student(settings, parts) | {"epochs": settings.stop_epoch}
    _estimate_statistics(settings, parts)
    checkpoint.save(parts.judged, settings.directory / "student.pt", epoch="last", **facts)
    last = _test(settings, parts)
    if trained.best is None:
        return last, None
    parts.judged.load_state_dict(trained.best)
    _estimate_statistics(settings, parts)
    checkpoint.save(parts.judged, settings.directory / "student_best.pt", epoch="best", **facts)
    return last, _test(settings, parts)


def _estimate_statistics(settings: TrainingSettings, parts: Parts) -> None:
    """Give a student that trains no more the statistics that it is judged with."""
    if settings.statistics == ESTIMATED:
        estimate_statistics(parts.judged, load_training(parts.learner, parts.data, settings.trainer))


def _test(settings: TrainingSettings, parts: Parts) -> float | None:
    return score(parts.learner, parts.data, "test", settings.trainer)["acc1"] if settings.test else None
