"""The compare command's steps: read a ledger, search it with every algorithm and seed, show who has what."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from joblib import Parallel, delayed
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.error import UserError
from uniads.report.comparison import standing as comparison
from uniads.report.comparison.curve import curves_figure
from uniads.report.page import figure
from uniads.search import Schedule, SearchSpace
from uniads.search.replay.contest import Step, curve, play
from uniads.search.replay.record import Record, Replay, known_candidates, known_students
from uniads.search.replay.surrogate import Surrogate

POINTS = 200
"""Points of a curve."""

SETTINGS = ["ledger", "algorithms", "seeds", "seed", "answers", "noise"]
"""What a comparison's result depends on, beside its budget."""

ANSWERS = ("surrogate", "recorded")


@dataclass(frozen=True)
class Player:
    """A search that takes part.

    Attributes:
        name: how it is called.
        cfg: its configuration, with a node ``search``.
        schedule: its rungs, moved to those of the ledger.
    """

    name: str
    cfg: DictConfig
    schedule: Schedule

    @classmethod
    def of(cls, text: str, rungs: Sequence[int], loader: ConfigLoader) -> "Player":
        """Compose a search.

        Args:
            text: an option of ``conf/search``; overrides of its own may follow, and a name and a colon precede.
            rungs: of the ledger.
            loader: finds the option.

        Raises:
            UserError: it has more rungs than the ledger.
        """
        name, _, settings = text.rpartition(": ")
        option, *overrides = settings.split()
        name = name or text
        cfg = loader.load_configuration("compare", [f"+search={option}", *overrides], RunMode.RUN)
        search = cfg.search
        own, recorded = list(search.rungs), list(rungs)
        if len(own) > len(recorded):
            raise UserError(
                f"{name} has {len(own)} rungs, the ledger {len(recorded)} ({recorded}); give it fewer, such as "
                f"algorithms=['{option} search.rungs={recorded} search.quotas=...']"
            )
        moved = [recorded[round(at * (len(recorded) - 1) / max(len(own) - 1, 1))] for at in range(len(own))]
        schedule = OmegaConf.to_container(search.schedule, resolve=True)
        assert isinstance(schedule, dict)
        if "rungs" in schedule:
            schedule["rungs"] = moved
        if "epochs" in schedule:
            schedule["epochs"] = dict(zip(own, moved, strict=True)).get(schedule["epochs"], recorded[-1])
        if "eta" in schedule and len(recorded) > 1:
            schedule["eta"] = max(2, round((recorded[-1] / recorded[0]) ** (1 / (len(recorded) - 1))))
        return cls(name, cfg, instantiate(schedule))


@dataclass(frozen=True)
class Ground:
    """What all searches of a comparison share."""

    record: Record
    surrogate: Surrogate | None
    space: SearchSpace
    budget: float

    def run(self, player: Player, seed: int) -> tuple[list[Step], int, int]:
        """One search; its steps, its trials, and how many of them the ledger answered."""
        search = player.cfg.search
        search.seed = seed
        replay = Replay(self.record, self.space, self.surrogate and self.surrogate.reseeded(seed))
        result, steps = play(
            instantiate(search.algorithm)(self.space),
            player.schedule,
            replay,
            self.record.measures,
            self.budget,
            self.record.rungs[-1],
            rejection=instantiate(search.rejection),
            shrinkage=instantiate(search.shrinkage),
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
    """Replay a ledger with every algorithm and seed; nothing is trained.

    Raises:
        UserError: no ledger is named, or a value of the configuration can't be used.
    """
    if OmegaConf.is_missing(cfg, "ledger"):
        raise UserError("no ledger is given; add ledger=FILE, the ledger.jsonl of a finished search")
    console = Console()
    ground, players = prepared(cfg, GlobalHydra.instance().config_loader(), console)
    found = compared(cfg, ground, players)
    show(cfg, ground, found, Path(HydraConfig.get().runtime.output_dir), console)


def prepared(cfg: DictConfig, loader: ConfigLoader, console: Console) -> tuple[Ground, list[Player]]:
    """Read the ledger, fit the surrogate and compose the searches, and say what was found.

    Raises:
        UserError: a value of the configuration can't be used; the message says which.
    """
    if cfg.answers not in ANSWERS:
        raise UserError(f"answers must be one of {', '.join(ANSWERS)}, got {cfg.answers!r}")
    if cfg.seeds < 2 or not cfg.algorithms or len(set(cfg.algorithms)) < len(cfg.algorithms):
        raise UserError(
            f"a comparison needs at least 2 seeds and different algorithms, got seeds={cfg.seeds} and "
            f"algorithms={list(cfg.algorithms)}"
        )
    record = Record.of(Path(cfg.ledger))
    players = [Player.of(name, record.rungs, loader) for name in cfg.algorithms]
    first = players[0]
    budget = first.schedule.cost(first.cfg.search.candidates) if cfg.epochs is None else cfg.epochs
    if cfg.answers == "recorded":
        surrogate, space = None, known_candidates(record)
    else:
        surrogate = record.surrogate(cfg.seed, cfg.noise)
        space = known_students(record, surrogate)
    for line in _opening(cfg, record, surrogate, budget):
        console.print(line, highlight=False, soft_wrap=True)
    return Ground(record, surrogate, space, budget), players


def _opening(cfg: DictConfig, record: Record, surrogate: Surrogate | None, budget: float) -> list[str]:
    candidates = len({trial.candidate for trial in record.trials})
    lines = [
        f"ledger   {cfg.ledger}: {candidates} candidates, {len(record.trials)} trials at {list(record.rungs)} epochs"
    ]
    if surrogate:
        lines += [
            f"surrogate  {fit.name} at {fit.epochs} epochs: R2 {fit.r2:.2f}, Kendall's tau {fit.tau:.2f} "
            f"(5-fold cross-validation, n = {fit.n})"
            for fit in surrogate.accuracy()
        ]
        lines += [f"surrogate  {name}: {origin}" for name, origin in surrogate.origins.items()]
    return [*lines, f"budget   {budget:g} epochs for each of {len(cfg.algorithms)} searches with {cfg.seeds} seeds"]


def _facts(cfg: DictConfig, ground: Ground, found: Comparison) -> dict[str, Any]:
    """What a reader needs to run the comparison again and to judge it."""
    fits = ground.surrogate.accuracy() if ground.surrogate else []
    settings = OmegaConf.to_container(OmegaConf.masked_copy(cfg, SETTINGS))
    assert isinstance(settings, dict)
    return {
        **{str(name): value for name, value in settings.items()},
        "epochs": ground.budget,
        "rungs": list(ground.record.rungs),
        "measures": [asdict(measure) for measure in ground.record.measures],
        "surrogate": [asdict(fit) for fit in fits],
        "trials": found.trials,
        "recorded": found.recorded,
        "versions": {name: version(name) for name in ("uniads", "numpy", "scikit-learn", "deap")},
    }


def compared(cfg: DictConfig, ground: Ground, players: Sequence[Player]) -> Comparison:
    """Run every search with every seed."""
    seeds = range(cfg.seed, cfg.seed + cfg.seeds)
    ran = Parallel(n_jobs=cfg.jobs)(delayed(ground.run)(player, seed) for player in players for seed in seeds)
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


def show(cfg: DictConfig, ground: Ground, found: Comparison, directory: Path, console: Console) -> None:
    """Print the standings, and write them and the curves."""
    final = [{name: curves[:, -1] for name, curves in kind.items()} for kind in (found.hypervolume, found.regret)]
    standings = comparison.standings(*final)
    title = f"Searches at {ground.budget:g} epochs, {cfg.seeds} seeds"
    console.print(comparison.standings_table(standings, title))
    console.print(
        f"{found.recorded:,} of {found.trials:,} trials were answered by the ledger, the others by the surrogate"
    )
    picture = curves_figure(
        found.grid, found.hypervolume, found.regret, f"Searches replayed on {Path(cfg.ledger).name}"
    )
    figure.save(picture, directory, "curves")
    _write(cfg, ground, found, standings, directory)
    console.print(f"curves.png, curves.svg, comparison.csv, .md and .json: {directory}", soft_wrap=True)


def _write(
    cfg: DictConfig, ground: Ground, found: Comparison, standings: Sequence[comparison.Standing], directory: Path
) -> None:
    rows = comparison.rows(standings)
    with (directory / "comparison.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (directory / "comparison.md").write_text(comparison.markdown(standings), encoding="utf-8")
    content = {**_facts(cfg, ground, found), "rows": comparison.records(standings)}
    (directory / "comparison.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
