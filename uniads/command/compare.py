"""The compare command: read a ledger, search it with every algorithm and seed, show who has what."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from joblib import Parallel, delayed
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.bridge.algorithm import build_algorithm
from uniads.bridge.player import Player, build_player
from uniads.error import UserError
from uniads.report.comparison import standing as comparison
from uniads.report.comparison.median_curve import draw_median_curve_figure
from uniads.report.element import figure
from uniads.search import Genome, SearchSpace
from uniads.search.replay.contest import Step, curve, play
from uniads.search.replay.known import known_candidates, known_students
from uniads.search.replay.record import Record
from uniads.search.replay.replay import Replay
from uniads.search.replay.surrogate import Surrogate
from uniads.terminal.console import build_console, print_lines

POINTS = 200
"""Points of a curve."""

ANSWERS = ("surrogate", "recorded")


@dataclass(frozen=True)
class ComparisonSettings:
    """What is compared.

    Attributes:
        ledger: of a finished search.
        algorithms: options of ``conf/search``, each with overrides of its own and a name where one is given.
        seeds: searches of each, 2 or more.
        seed: of the first search.
        answers: who answers what the ledger lacks: ``surrogate``, or ``recorded`` to search the recorded candidates.
        noise: whether the surrogate adds what it can't explain.
        epochs: that every search may spend; None: what the first one's candidates cost at most.
        jobs: seeds at a time.
        directory: where the results are written.

    Raises:
        UserError: a value is out of its range.
    """

    ledger: Path
    algorithms: tuple[str, ...]
    seeds: int
    seed: int
    answers: str
    noise: bool
    epochs: float | None
    jobs: int
    directory: Path

    def __post_init__(self) -> None:
        if self.answers not in ANSWERS:
            raise UserError(f"answers must be one of {', '.join(ANSWERS)}, got {self.answers!r}")
        if self.seeds < 2 or not self.algorithms or len(set(self.algorithms)) < len(self.algorithms):
            raise UserError(
                f"a comparison needs at least 2 seeds and different algorithms, got seeds={self.seeds} and "
                f"algorithms={list(self.algorithms)}"
            )

    @property
    def facts(self) -> dict[str, Any]:
        """What a comparison's result depends on, beside its budget."""
        names = ("seeds", "seed", "answers", "noise")
        own = {name: getattr(self, name) for name in names}
        return {"ledger": str(self.ledger), "algorithms": list(self.algorithms), **own}


@dataclass(frozen=True)
class Ground:
    """What all searches of a comparison share."""

    record: Record
    surrogate: Surrogate | None
    space: SearchSpace
    budget: float

    def tell_size(self, genome: Genome) -> dict[str, float]:
        """The parameters of a genome, which need no training; nothing where the record does not tell all of them."""
        recorded = self.record.space.genome(self.space.point(genome))
        if self.surrogate:
            return {"params": self.surrogate.fixed("params", recorded)} if "params" in self.surrogate.origins else {}
        return {"params": self._params[recorded]} if self._params else {}

    @cached_property
    def _params(self) -> dict[Genome, float]:
        genomes = {self.record.space.repair(trial.genome) for trial in self.record.trials}
        trials = [trial for trial in self.record.trials if "params" in trial.outcome]
        known = {self.record.space.repair(trial.genome): trial.outcome["params"] for trial in trials}
        return known if known.keys() == genomes else {}

    def search(self, player: Player, seed: int) -> tuple[list[Step], int, int]:
        """One search; its steps, its trials, and how many of them the ledger answered."""
        replay = Replay(self.record, self.space, self.surrogate and self.surrogate.reseed(seed))
        result, steps = play(
            build_algorithm(player.algorithm(seed=seed), self.space, (), self.record.measures, self.tell_size),
            player.schedule,
            replay,
            self.record.measures,
            self.budget,
            self.record.rungs[-1],
            rejection=player.rejection,
            shrinkage=player.shrinkage,
            seed=seed,
        )
        recorded = sum("surrogate" not in trial.outcome for trial in result.trials)
        return steps, len(result.trials), recorded


@dataclass(frozen=True)
class Comparison:
    """Curves of all searches.

    Attributes:
        grid: epochs, (n,).
        hypervolume: by search, (seeds, n) each.
        regret: likewise, in nats.
        trials: of all searches.
        recorded: those of them that the ledger answered.
    """

    grid: np.ndarray
    hypervolume: Mapping[str, np.ndarray]
    regret: Mapping[str, np.ndarray]
    trials: int
    recorded: int


def main(cfg: DictConfig) -> None:
    """Replay a ledger with every algorithm and seed; nothing is trained."""
    settings = comparison_settings(cfg)
    console = build_console()
    ground, players = prepare(settings, GlobalHydra.instance().config_loader(), console)
    show(settings, ground, compare(settings, ground, players), console)


def comparison_settings(cfg: DictConfig) -> ComparisonSettings:
    """The settings of ``conf/compare.yaml``.

    Raises:
        UserError: no ledger is named, or a value is out of its range.
    """
    if OmegaConf.is_missing(cfg, "ledger"):
        raise UserError("no ledger is given; add ledger=FILE, the ledger.jsonl of a finished search")
    return ComparisonSettings(
        ledger=Path(cfg.ledger),
        algorithms=tuple(cfg.algorithms),
        seeds=cfg.seeds,
        seed=cfg.seed,
        answers=cfg.answers,
        noise=cfg.noise,
        epochs=cfg.epochs,
        jobs=cfg.jobs,
        directory=Path(HydraConfig.get().runtime.output_dir),
    )


def prepare(settings: ComparisonSettings, loader: ConfigLoader, console: Console) -> tuple[Ground, list[Player]]:
    """Read the ledger, fit the surrogate and compose the searches, and say what was found.

    Raises:
        UserError: the ledger can't be read, or a search does not fit it.
    """
    record = Record.of(settings.ledger)
    players = [build_player(name, record.rungs, loader) for name in settings.algorithms]
    first = players[0]
    budget = first.schedule.cost(first.candidates) if settings.epochs is None else settings.epochs
    if settings.answers == "recorded":
        surrogate, space = None, known_candidates(record)
    else:
        surrogate = record.surrogate(settings.seed, settings.noise)
        space = known_students(record, surrogate)
    print_lines(console, _describe(settings, record, surrogate, budget))
    return Ground(record, surrogate, space, budget), players


def _describe(settings: ComparisonSettings, record: Record, surrogate: Surrogate | None, budget: float) -> list[str]:
    candidates = len({trial.candidate for trial in record.trials})
    lines = [
        f"ledger   {settings.ledger}: {candidates} candidates, {len(record.trials)} trials at "
        f"{list(record.rungs)} epochs"
    ]
    if surrogate:
        lines += [
            f"surrogate  {fit.name} at {fit.epochs} epochs: R2 {fit.r2:.2f}, Kendall's tau {fit.kendall_tau:.2f} "
            f"(5-fold cross-validation, n = {fit.n})"
            for fit in surrogate.accuracy()
        ]
        lines += [f"surrogate  {name}: {origin}" for name, origin in surrogate.origins.items()]
    return [
        *lines,
        f"budget   {budget:g} epochs for each of {len(settings.algorithms)} searches with {settings.seeds} seeds",
    ]


def _build_facts(settings: ComparisonSettings, ground: Ground, found: Comparison) -> dict[str, Any]:
    """What a reader needs to run the comparison again and to judge it."""
    fits = ground.surrogate.accuracy() if ground.surrogate else []
    return {
        **settings.facts,
        "epochs": ground.budget,
        "rungs": list(ground.record.rungs),
        "measures": [asdict(measure) for measure in ground.record.measures],
        "surrogate": [asdict(fit) for fit in fits],
        "trials": found.trials,
        "recorded": found.recorded,
        "versions": {name: version(name) for name in ("uniads", "numpy", "scikit-learn", "deap")},
    }


def compare(settings: ComparisonSettings, ground: Ground, players: Sequence[Player]) -> Comparison:
    """Run every search with every seed."""
    seeds = range(settings.seed, settings.seed + settings.seeds)
    ran = Parallel(n_jobs=settings.jobs)(delayed(ground.search)(player, seed) for player in players for seed in seeds)
    by_player = [ran[at : at + len(seeds)] for at in range(0, len(ran), len(seeds))]
    grid = np.linspace(0, ground.budget, POINTS)
    worst = ground.record.measures[0].reference
    volumes, losses = {}, {}
    for player, runs in zip(players, by_player, strict=True):
        volumes[player.name] = np.stack([curve(steps, "hypervolume", grid, 0.0) for steps, _, _ in runs])
        losses[player.name] = np.stack([curve(steps, "loss", grid, worst) for steps, _, _ in runs])
    # The best that anyone found in a seed is the best known there: the noise of a surrogate differs between seeds.
    known = np.min([found.min(axis=1) for found in losses.values()], axis=0)
    regrets = {name: found - known[:, None] for name, found in losses.items()}
    return Comparison(grid, volumes, regrets, sum(run[1] for run in ran), sum(run[2] for run in ran))


def show(settings: ComparisonSettings, ground: Ground, found: Comparison, console: Console) -> None:
    """Print the standings, and write them and the curves."""
    final = [{name: curves[:, -1] for name, curves in kind.items()} for kind in (found.hypervolume, found.regret)]
    standings = comparison.build_standings(*final)
    title = f"Searches at {ground.budget:g} epochs, {settings.seeds} seeds"
    console.print(comparison.build_standings_table(standings, title))
    console.print(
        f"{found.recorded:,} of {found.trials:,} trials were answered by the ledger, the others by the surrogate"
    )
    picture = draw_median_curve_figure(
        found.grid, found.hypervolume, found.regret, f"Searches replayed on {settings.ledger.name}"
    )
    figure.save_figure(picture, settings.directory, "curves")
    _write(settings, ground, found, standings)
    print_lines(console, [f"curves.png, curves.svg, comparison.csv, .md and .json: {settings.directory}"])


def _write(
    settings: ComparisonSettings, ground: Ground, found: Comparison, standings: Sequence[comparison.Standing]
) -> None:
    directory = settings.directory
    rows = comparison.format_standings(standings)
    with (directory / "comparison.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (directory / "comparison.md").write_text(comparison.format_markdown(standings), encoding="utf-8")
    content = {**_build_facts(settings, ground, found), "rows": comparison.list_records(standings)}
    (directory / "comparison.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
