"""A search made ready from its configuration: whatever is wrong with it is found before anything is trained."""

from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from typing_extensions import Self

import uniads
from uniads.bridge.launch import Launch
from uniads.bridge.space import space_for, student_at, student_params, warm_start_for
from uniads.bridge.warm_start import WarmStart
from uniads.error import UserError
from uniads.learner.loop import device_of
from uniads.model.base import Network
from uniads.search import (
    Algorithm,
    Genome,
    Ledger,
    Measure,
    Objective,
    Schedule,
    SearchSpace,
)
from uniads.search.account import fingerprint
from uniads.search.replay.record import Record
from uniads.teacher.provider import chosen
from uniads.training.fit import data_for, fit

OWN = ("search", "space", "final", "report", "sweep", "launcher", "algorithm", "schedule")
"""Keys of the search command that a single training does not have, or that choose how its jobs are launched."""


@dataclass(frozen=True)
class Setup:
    """Everything that a search needs, made and checked before anything is trained.

    Attributes:
        cfg: of the search command.
        shared: what all trainings share, as one configuration.
        space: where to search.
        schedule: the rungs.
        measures: what is minimised, the loss first.
        launch: evaluates batches of trials.
        directory: of this search.
        target: parameters of the pair's own student.
        warm_start: the published distillers to begin with.
    """

    cfg: DictConfig
    shared: DictConfig
    space: SearchSpace
    schedule: Schedule
    measures: tuple[Measure, ...]
    launch: Launch
    directory: Path
    target: int
    warm_start: WarmStart

    @classmethod
    def of(cls, cfg: DictConfig) -> Self:
        """Read a configuration.

        Raises:
            UserError: it can't be searched; the message says which value is at fault.
        """
        loader = GlobalHydra.instance().config_loader()
        given = OverridesParser.create().parse_overrides(list(HydraConfig.get().overrides.task))
        passed = [o for o in given if o.key_or_group.split("/")[0].split(".")[0] not in OWN]
        overrides = [*cfg.space.base, *(str(o.input_line) for o in passed), f"threads={cfg.threads}".lower()]
        shared = loader.load_configuration("train", overrides, RunMode.RUN)
        schedule: Schedule = instantiate(cfg.search.schedule)
        cfg.final = cfg.final and cfg.search.objective == "train"
        if cfg.search.population > cfg.search.candidates:
            raise UserError(
                f"search.population={cfg.search.population} is larger than search.candidates={cfg.search.candidates}; "
                "lower the first or raise the second"
            )
        data = data_for(shared)
        shape = {"num_classes": data.num_classes, "in_channels": data.channels}
        target = student_params(chosen(shared, "student"), {}, shape)
        fixed = {o.get_key_element().lstrip("+~") for o in passed}
        directory = Path(HydraConfig.get().runtime.output_dir)
        space = space_for(cfg, shared, loader, fixed, shape)
        return cls(
            cfg=cfg,
            shared=shared,
            space=space,
            schedule=schedule,
            measures=_measures(cfg, target, data.num_classes),
            launch=Launch(
                loader,
                overrides,
                _launcher_overrides(),
                directory / "trials",
                schedule.rungs[-1].epochs,
                shared.data.seed,
                lambda trial: student_params(shared.student, space.point(trial.genome), shape),
                fit,
            ),
            directory=directory,
            target=target,
            warm_start=warm_start_for(cfg, shared, loader, fixed),
        )


def _launcher_overrides() -> list[str]:
    """The launcher of the search command, for its jobs."""
    choices = HydraConfig.get().runtime.choices
    mine = [
        o for o in HydraConfig.get().overrides.hydra if o.lstrip("+~").startswith(("hydra/launcher", "hydra.launcher"))
    ]
    return [f"launcher={choices['launcher']}", *mine]


def _measures(cfg: DictConfig, target: int, classes: int) -> tuple[Measure, ...]:
    """What is minimised; a loss counts up to chance level, a size up to twice the target."""
    measures = []
    for measure in cfg.search.measures.values():
        goal = target if measure.target == "pair" else measure.target
        reference = log(classes) if measure.name == "val_loss" else 1.0
        measures.append(Measure(measure.name, goal, reference))
    return tuple(measures)


def opened(setup: Setup) -> Ledger:
    """Find what is wrong with a search before anything is trained, and open its ledger.

    Raises:
        UserError: a setting is out of its range, or the directory belongs to another search or is in use.
        ConfigCompositionException: the space, or the launcher, has a key that a training does not have.
    """
    cfg = setup.cfg.search
    for name in ("candidates", "max_epochs", "max_seconds"):
        if cfg[name] is not None and not cfg[name] > 0:
            raise UserError(f"search.{name} must be above 0, got {cfg[name]}")
    if not 0 <= cfg.max_failures <= 1:
        raise UserError(f"search.max_failures must be a share from 0 to 1, got {cfg.max_failures}")
    algorithm_of(setup)
    instantiate(cfg.rejection)
    instantiate(cfg.shrinkage)
    setup.launch.check(setup.space.overrides(next(setup.space.every()), idle=True))  # with every key of the space
    for genome in setup.warm_start.genomes(setup.space, setup.shared):
        setup.launch.check(setup.space.overrides(genome))
    return Ledger(setup.directory / "ledger.jsonl", _fingerprint(setup), cfg.force)


def algorithm_of(setup: Setup) -> Algorithm:
    """The algorithm; one that takes a score of genomes gets it, made for this pair and these images."""
    make = instantiate(setup.cfg.search.algorithm)
    first = setup.warm_start.genomes(setup.space, setup.shared)
    score = make.keywords.get("score")
    if score is None:
        algorithm: Algorithm = make(setup.space, start=first)
        return algorithm
    data = data_for(setup.shared)
    shape = {"num_classes": data.num_classes, "in_channels": data.channels}

    def network(genome: Genome | None) -> Network:
        if genome is None:
            return student_at(setup.shared.teacher.model, {}, shape)
        return student_at(setup.shared.student, setup.space.point(genome), shape)

    batch = next(iter(data.train(setup.shared.recipe.batch_size, device_of(setup.shared.trainer))))
    scored: Algorithm = make(setup.space, start=first, score=score(network, batch))
    return scored


def objective_of(setup: Setup) -> Objective:
    """What answers for the candidates: trainings, or a recorded ledger."""
    cfg = setup.cfg.search
    if cfg.objective == "train":
        return setup.launch
    if cfg.objective != "replay" or cfg.ledger is None:
        raise UserError(
            "search.objective must be train, or replay with search.ledger=FILE; "
            f"got {cfg.objective!r} and {cfg.ledger!r}"
        )
    return Record.of(Path(cfg.ledger)).replay(setup.space, setup.measures, cfg.seed)


def _fingerprint(setup: Setup) -> dict[str, Any]:
    """What makes this search this search."""
    settings = OmegaConf.to_container(setup.cfg.search, resolve=True)
    assert isinstance(settings, dict)
    return fingerprint(
        setup.space,
        setup.measures,
        version=uniads.__version__,
        pair=setup.shared.pair,
        data=HydraConfig.get().runtime.choices["data"],
        recipe_epochs=setup.shared.epochs,
        rung_epochs=[rung.epochs for rung in setup.schedule.rungs],
        data_seed=setup.launch.data_seed,
        overrides=list(setup.launch.overrides),
        **{str(name): value for name, value in settings.items() if name != "force"},
    )
