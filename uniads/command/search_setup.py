"""A search made ready from its settings: whatever is wrong with it is found before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import torch
from hydra.core.config_loader import ConfigLoader

import uniads
from uniads.bridge.algorithm import build_algorithm
from uniads.bridge.launch import Launch
from uniads.bridge.rehearsal import rehearse_space
from uniads.bridge.search_settings import SearchSettings
from uniads.bridge.space import build_dressing, build_space
from uniads.bridge.student import Students
from uniads.bridge.train import train_configured
from uniads.bridge.warm_start import WarmStart
from uniads.data.base import Data
from uniads.error import unknown
from uniads.learner.precision import dtype_name
from uniads.model.base import Network
from uniads.search import Algorithm, Genome, Ledger, Measure, Objective, SearchSpace, Trial
from uniads.search.account import fingerprint
from uniads.search.replay.record import Record
from uniads.settings.training import TrainingSettings
from uniads.teacher.assistants import teaching_key
from uniads.teacher.identity import hash_facts
from uniads.training.parts import data_shape, load_data
from uniads.training.precision import student_dtype
from uniads.training.rehearsal import rehearse

MEASURED = ("val_loss", "val_err1", "train_loss", "params", "flops", "epoch_flops", "seconds")
"""Numbers that every training of a candidate has, and of which less is better."""


@dataclass(frozen=True)
class Setup:
    """Everything that a search needs, made and checked before anything is trained.

    Attributes:
        settings: of the search.
        data: what candidates are trained on.
        space: where to search.
        algorithm: asks for candidates.
        measures: what is minimised, the loss first.
        launch: evaluates batches of trials.
        target: parameters of the pair's own student.
        warm_start: the published distillers to begin with.
    """

    settings: SearchSettings
    data: Data
    space: SearchSpace
    algorithm: Algorithm
    measures: tuple[Measure, ...]
    launch: Launch
    target: int
    warm_start: WarmStart


def build_setup(settings: SearchSettings, loader: ConfigLoader) -> Setup:
    """Make a search ready.

    Args:
        settings: of the search.
        loader: composes its jobs.

    Raises:
        UserError: it can't be searched; the message says which value is at fault.
    """
    training = settings.training
    data = load_data(training)
    dressing = build_dressing(settings, (data.channels, *data.size))
    students = Students(training.chosen_student, settings.space.models, data_shape(data), dressing)
    settings = settings.with_dtype(_find_dtype(training, students))
    warm_start = WarmStart(settings.space.base_distiller, settings.space.warm_start, settings.space.defaults)
    space = build_space(settings, students, warm_start)
    target = students.count({})

    def count_params_of(trial: Trial) -> float:
        return students.count(space.point(trial.genome))

    launch = Launch(
        loader,
        settings.overrides,
        settings.launcher,
        settings.directory / "trials",
        settings.schedule.rungs[-1].epochs,
        training.data.facts["seed"],
        count_params_of,
        train_configured,
        hash_facts(_describe_sources(settings, data)),
    )
    measures = _build_measures(settings, target, data.num_classes)
    algorithm = _build_algorithm(settings, space, warm_start, measures, students, data)
    return Setup(settings, data, space, algorithm, measures, launch, target, warm_start)


def _find_dtype(training: TrainingSettings, students: Students) -> str:
    """In which precision the candidates' layers compute, on whichever machine they are trained."""
    with torch.device("meta"):
        student = students.build({})
    return dtype_name(student_dtype(training, student))


def _build_measures(settings: SearchSettings, target: int, classes: int) -> tuple[Measure, ...]:
    """What is minimised; a loss counts up to chance level, a size up to twice the target.

    Raises:
        UnknownNameError: no training of a candidate has such a number.
    """
    measures = []
    for place, measure in settings.measures.items():
        if settings.ledger is None and measure["name"] not in MEASURED:
            raise unknown(f"number of a candidate for search.measures.{place}.name,", measure["name"], MEASURED)
        goal = target if measure["target"] == "pair" else measure["target"]
        reference = log(classes) if measure["name"] == "val_loss" else 1.0
        measures.append(Measure(measure["name"], goal, reference))
    return tuple(measures)


def _build_algorithm(
    settings: SearchSettings,
    space: SearchSpace,
    warm_start: WarmStart,
    measures: Sequence[Measure],
    students: Students,
    data: Data,
) -> Algorithm:
    """The algorithm; one that takes a score of genomes gets it, made for this pair and these images."""
    start = warm_start.genomes(space)

    def tell_size(genome: Genome) -> dict[str, float]:
        return {"params": students.estimate(space.point(genome))}

    if settings.score is None:
        return build_algorithm(settings.algorithm, space, start, measures, tell_size)
    training = settings.training

    def build_network(genome: Genome | None) -> Network:
        if genome is None:
            return students.build_other(training.teacher.chosen_model)
        return students.build(space.point(genome))

    batch = next(iter(data.train(training.recipe.batch_size, training.trainer.device)))
    return settings.algorithm(space, start=start, score=settings.score(build_network, batch))


def open_ledger(setup: Setup) -> Ledger:
    """Try what the search will do, and open the ledger.

    Raises:
        UserError: a value can't be trained with, or the directory belongs to another search or is in use.
        ConfigCompositionException: the launcher has a key that there is not.
    """
    settings = setup.settings
    rehearse_search(setup)
    return Ledger(settings.directory / "ledger.jsonl", _build_fingerprint(setup), settings.force)


def rehearse_search(setup: Setup) -> None:
    """Try every value of the space, the trainer and the launcher; nothing is trained and nothing is written.

    Raises:
        UserError: something can't be made.
        ConfigCompositionException: the launcher has a key that there is not.
    """
    if setup.settings.ledger is not None:
        return
    shape = data_shape(setup.data)
    rehearse(setup.settings.training, shape)
    rehearse_space(setup.space, setup.launch, setup.warm_start.genomes(setup.space), shape)
    setup.launch.create_launcher()


def build_objective(setup: Setup) -> Objective:
    """What answers for the candidates: trainings, or a recorded ledger."""
    settings = setup.settings
    if settings.ledger is None:
        return setup.launch
    return Record.of(settings.ledger).replay(setup.space, setup.measures, settings.seed)


def _describe_sources(settings: SearchSettings, data: Data) -> dict[str, str]:
    """The images and the teacher by their contents; a replay has neither."""
    if settings.ledger is not None:
        return {}
    training = settings.training
    return {"teacher": teaching_key(training, training.teacher.assistants), "images": data.contents}


def _build_fingerprint(setup: Setup) -> dict[str, Any]:
    """What makes this search this search."""
    settings = setup.settings
    return fingerprint(
        setup.space,
        setup.measures,
        version=uniads.__version__,
        pair=settings.training.pair,
        data=settings.data,
        recipe_epochs=settings.training.schedule_epochs,
        rung_epochs=[rung.epochs for rung in settings.schedule.rungs],
        data_seed=setup.launch.data_seed,
        overrides=list(setup.launch.overrides),
        **_describe_sources(settings, setup.data),
        **({"centres": settings.space.centres} if settings.prior else {}),
        **({"held": list(settings.space.held)} if settings.space.held else {}),
        **{name: value for name, value in settings.facts.items() if name != "force"},
    )
