"""The search command's steps: introduce, search, report, train the best, conclude."""

import shlex
from contextlib import closing
from functools import partial
from shutil import rmtree
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, open_dict
from rich.console import Console

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.bridge.launch import quoted
from uniads.command.search_setup import Setup, algorithm_of, objective_of, opened
from uniads.command.train import train
from uniads.data.base import Data
from uniads.error import UserError
from uniads.export import optuna
from uniads.logger.wandb import SearchRun, logging_line, search_run
from uniads.outcome import Outcome
from uniads.report.page import figure
from uniads.report.search.cost import Amount, Cost, cost_sentence, cost_table
from uniads.report.search.page import write_report
from uniads.report.search.pareto import pareto_figure
from uniads.search import (
    INTERRUPTED,
    Ledger,
    Result,
    Trial,
    Watcher,
    fidelity,
    search,
)
from uniads.search.account import Account
from uniads.teacher.assistants import as_teacher, last_teacher
from uniads.teacher.provider import judged
from uniads.terminal import table
from uniads.terminal.opening import answer_lines, data_lines, teacher_lines
from uniads.terminal.progress import ProgressWatcher
from uniads.training.fit import data_for


def conduct(cfg: DictConfig) -> None:
    """A whole search, from its configuration to the last line that is printed.

    Raises:
        UserError: it can't be searched as configured, or no candidate came to an end.
        KeyboardInterrupt: on Ctrl-C, after what was found has been reported.
    """
    console = Console()
    setup = Setup.of(cfg)
    try:
        _conduct(setup, console)
    except KeyboardInterrupt:
        _say_how_to_go_on(setup, console)
        raise


def _conduct(setup: Setup, console: Console) -> None:
    with closing(setup.launch), closing(opened(setup)) as ledger:
        introduce(setup, console)
        with search_run(setup.directory, setup.shared.pair, setup.cfg) as run:
            result = run_search(setup, ledger, run, console)
            run.conclude(result)
    report(setup, result, console)
    interrupted = result.stopped == INTERRUPTED
    if result.best is None and not interrupted:
        raise UserError(f"no candidate reached the top rung ({result.stopped}); see {setup.directory / 'ledger.jsonl'}")
    best = result.best if setup.cfg.final and not interrupted else None
    final = train_best(setup, best, console) if best else None
    conclude(setup, result, final, console)
    if interrupted:
        raise KeyboardInterrupt
    _say_how_to_go_on(setup, console)


def _say_how_to_go_on(setup: Setup, console: Console) -> None:
    line = f"go on after an interruption with the same command and hydra.run.dir={setup.directory}"
    console.print(line, highlight=False, soft_wrap=True)


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
    return [*teacher_lines(as_teacher(setup.shared), teacher, data), *answer_lines(setup.shared)]


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


def run_search(setup: Setup, ledger: Ledger, run: SearchRun, console: Console) -> Result:
    """Search with the ledger in the run directory; what it holds already is not trained again."""
    cfg = setup.cfg.search
    algorithm = algorithm_of(setup)
    progress = ProgressWatcher(console, setup.schedule, cfg.candidates, setup.launch.directory)
    with progress.live():
        return search(
            setup.space,
            objective_of(setup),
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
        page = write_report(setup.directory, partial(describe_candidate_loss, setup.launch.loader))
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
        write_report(
            setup.directory, partial(describe_candidate_loss, setup.launch.loader)
        )  # again, with the cost of the final training
    full = setup.shared.epochs
    trained = Amount(final.epochs, final.epochs * final.epoch_flops) if final else None
    if result.epochs:
        console.print(cost_table(Cost.of(result, setup.schedule.rungs[-1].epochs, full, trained)))
        console.print(cost_sentence(result, full, final.epochs if final else 0), highlight=False, soft_wrap=True)
    files = f"ledger.jsonl, front.csv, pareto.png and pareto.svg: {setup.directory}"
    console.print(files, highlight=False, soft_wrap=True)
