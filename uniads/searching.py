"""The search command's steps: set up, search, train the best, report."""

import shlex
from dataclasses import dataclass
from math import log
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console
from typing_extensions import Self

import uniads
from uniads.candidates import space_for, student_at, student_params, warm_start_for
from uniads.chain import as_teacher, last_teacher
from uniads.data.base import Data
from uniads.fit import data_for, fit
from uniads.launch import Launch, quoted
from uniads.model.base import Network
from uniads.outcome import Outcome
from uniads.report import figure, optuna, table
from uniads.report.cost import Amount, Cost, cost_sentence, cost_table
from uniads.report.opening import data_lines, logging_line, teacher_lines
from uniads.report.pareto import pareto_figure
from uniads.report.progress import ProgressWatcher
from uniads.report.search import write_report
from uniads.report.wandb import SearchRun
from uniads.search import (
    INTERRUPTED,
    Algorithm,
    Genome,
    Ledger,
    Measure,
    Objective,
    Result,
    Schedule,
    SearchSpace,
    Trial,
    Watcher,
    fidelity,
    search,
)
from uniads.search.account import Account, fingerprint
from uniads.search.replay import Record
from uniads.teacher import chosen, judged
from uniads.train import train
from uniads.training import device_of
from uniads.warm_start import WarmStart

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
            ValueError: it can't be searched; the message says which value is at fault.
        """
        loader = GlobalHydra.instance().config_loader()
        given = OverridesParser.create().parse_overrides(list(HydraConfig.get().overrides.task))
        passed = [o for o in given if o.key_or_group.split("/")[0].split(".")[0] not in OWN]
        overrides = [*cfg.space.base, *(str(o.input_line) for o in passed), f"threads={cfg.threads}".lower()]
        shared = loader.load_configuration("train", overrides, RunMode.RUN)
        schedule: Schedule = instantiate(cfg.search.schedule)
        cfg.final = cfg.final and cfg.search.objective == "train"
        if cfg.search.population > cfg.search.candidates:
            raise ValueError(
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


def introduce(setup: Setup, console: Console) -> None:
    """Get the teacher, training it on first use, and print what will be done."""
    if setup.shared.threads is not None:
        torch.set_num_threads(setup.shared.threads)
    data = data_for(setup.shared)
    for line in data_lines(data, setup.shared.recipe.batch_size):
        console.print(line, highlight=False, soft_wrap=True)
    budget = setup.cfg.search.candidates
    rungs = [rung.epochs for rung in setup.schedule.rungs]
    genes = len(setup.space.dimensions)
    lines = [
        *_who_answers(setup, data, console),
        f"pair     {setup.shared.pair}: the target is {setup.target:,} parameters, those of the pair's own student",
        f"space    {HydraConfig.get().runtime.choices['space']}: {genes} genes, {setup.space.size:.3g} combinations",
        f"budget   {budget} candidates, rungs at {rungs} epochs, at most {setup.schedule.cost(budget):,} epochs in all",
        *setup.warm_start.lines(setup.space, setup.shared),
        logging_line(),
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _who_answers(setup: Setup, data: Data, console: Console) -> list[str]:
    """Lines on the teacher, after it was trained or loaded; or on the ledger that is replayed."""
    if setup.cfg.search.objective != "train":
        return [f"replay   {setup.cfg.search.ledger} answers, and a surrogate where it can't; nothing is trained"]
    with console.status("teacher: loading, or training it on first use"):
        teacher = judged(last_teacher(setup.shared, data), setup.shared, data)
    return teacher_lines(as_teacher(setup.shared), teacher, data)


class _Watchers(Watcher):
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self.watchers = watchers

    def start(self, generation: int, rung: int, trials: Any) -> None:
        for watcher in self.watchers:
            watcher.start(generation, rung, trials)

    def finish(self, generation: int, rung: int, trials: Any, result: Result) -> None:
        for watcher in self.watchers:
            watcher.finish(generation, rung, trials, result)


def opened(setup: Setup) -> Ledger:
    """Find what is wrong with a search before anything is trained, and open its ledger.

    Raises:
        ValueError: a setting is out of its range, or the directory belongs to another search or is in use.
        ConfigCompositionException: the space, or the launcher, has a key that a training does not have.
    """
    cfg = setup.cfg.search
    for name in ("candidates", "max_epochs", "max_seconds"):
        if cfg[name] is not None and not cfg[name] > 0:
            raise ValueError(f"search.{name} must be above 0, got {cfg[name]}")
    if not 0 <= cfg.max_failures <= 1:
        raise ValueError(f"search.max_failures must be a share from 0 to 1, got {cfg.max_failures}")
    _algorithm(setup)
    instantiate(cfg.rejection)
    instantiate(cfg.shrinkage)
    for genome in [next(setup.space.every()), *setup.warm_start.genomes(setup.space, setup.shared)]:
        setup.launch.check(setup.space.overrides(genome))
    return Ledger(setup.directory / "ledger.jsonl", _fingerprint(setup), cfg.force)


def run_search(setup: Setup, ledger: Ledger, run: SearchRun, console: Console) -> Result:
    """Search with the ledger in the run directory; what it holds already is not trained again."""
    cfg = setup.cfg.search
    algorithm = _algorithm(setup)
    progress = ProgressWatcher(console, setup.schedule, cfg.candidates, setup.launch.directory)
    with progress.live():
        return search(
            setup.space,
            _objective(setup),
            algorithm,
            setup.schedule,
            measures=setup.measures,
            candidates=cfg.candidates,
            max_epochs=cfg.max_epochs,
            max_seconds=cfg.max_seconds,
            max_failures=cfg.max_failures,
            rejection=instantiate(cfg.rejection),
            shrinkage=instantiate(cfg.shrinkage),
            ledger=ledger,
            seed=cfg.seed,
            watcher=_Watchers(progress, run),
        )


def _algorithm(setup: Setup) -> Algorithm:
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


def _objective(setup: Setup) -> Objective:
    """What answers for the candidates: trainings, or a recorded ledger."""
    cfg = setup.cfg.search
    if cfg.objective == "train":
        return setup.launch
    if cfg.objective != "replay" or cfg.ledger is None:
        raise ValueError(
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


def train_best(setup: Setup, best: Trial, console: Console) -> Outcome:
    """Train the chosen candidate with the full recipe on the whole training set, and test it."""
    directory = setup.directory / "final"
    overrides = [
        *setup.launch.overrides, *best.overrides, f"seed={best.seed}", "data.holdout=false", "test=true",
        f"paths.run_dir={quoted(directory)}",
    ]  # fmt: skip
    cfg = setup.launch.loader.load_configuration("train", overrides, RunMode.RUN)
    directory.mkdir(parents=True, exist_ok=True)
    with open_dict(cfg):
        del cfg["hydra"]
    console.rule(f"final training of {best.candidate}: {cfg.epochs} epochs on the whole training set", align="left")
    return train(cfg, console)


def report(setup: Setup, result: Result, console: Console) -> None:
    """The front as a table, a picture and a file, and the best candidate's command."""
    completed = [trial for rung in range(result.top + 1) for trial in result.at(rung)]
    table.write_csv(completed, setup.directory / "trials.csv")
    table.write_csv(result.front, setup.directory / "front.csv")
    if completed and len(result.measures) > 1:
        title = f"{setup.shared.pair} on {HydraConfig.get().runtime.choices['data']}"
        figure.save(pareto_figure(result, title), setup.directory, "pareto")
    console.print(f"stopped: {result.stopped}", highlight=False)
    console.print(table.front_table(result))
    for line in fidelity.report(setup.schedule, result.trials):
        console.print(line, highlight=False, soft_wrap=True)
    if result.best:
        command = shlex.join(["python", "-m", "uniads.train", *setup.launch.command(result.best)])
        console.print(f"train {result.best.candidate} again, to the same validation loss:", highlight=False)
        console.print(command, highlight=False, soft_wrap=True, markup=False)
        (setup.directory / "best.sh").write_text(command + "\n")
    if setup.cfg.report and result.trials:
        page = write_report(setup.directory, setup.launch.loader)
        console.print(f"the whole report: {page}", highlight=False, soft_wrap=True)
        studies = setup.directory / "optuna.db"
        studies.unlink(missing_ok=True)
        account = Account.of(setup.directory / "ledger.jsonl")
        optuna.export(account, f"sqlite:///{studies}", setup.directory.name)


def conclude(setup: Setup, result: Result, final: Outcome | None, console: Console) -> None:
    """What it cost, and where everything is. When the store of teacher outputs has done its work, it goes."""
    if result.stopped != INTERRUPTED:
        rmtree(setup.launch.store, ignore_errors=True)
    if setup.cfg.report and final:
        write_report(setup.directory, setup.launch.loader)  # again, with the cost of the final training
    full = setup.shared.epochs
    trained = Amount(final.epochs, final.epochs * final.epoch_flops) if final else None
    if result.epochs:
        console.print(cost_table(Cost.of(result, setup.schedule.rungs[-1].epochs, full, trained)))
        console.print(cost_sentence(result, full, final.epochs if final else 0), highlight=False, soft_wrap=True)
    console.print(
        f"ledger.jsonl, front.csv, pareto.png and pareto.svg: {setup.directory}\n"
        f"go on after an interruption with the same command and hydra.run.dir={setup.directory}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
