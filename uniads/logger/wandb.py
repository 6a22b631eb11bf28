"""Weights & Biases: one run a search, with its Pareto front and hypervolume; offline when there is no key."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import WandbLogger
from wandb.env import SERVICE

from uniads.search import Result, Trial, Watcher
from uniads.terminal.table import COLUMNS, flatten_trials

QUIET = wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True)


def has_key() -> bool:
    """Whether W&B can be written to online: a key in the environment or in ``~/.netrc``, and no offline mode."""
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"] == "online"
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc().authenticators("api.wandb.ai") is not None
    except (OSError, NetrcParseError):
        return False


def describe_logging() -> str:
    """Whether W&B is online."""
    return "logging  W&B online" if has_key() else "logging  W&B offline (no key found); wandb sync uploads it later"


class SearchRun(Watcher):
    """Logs one search: after every rung the epochs and the hypervolume, at the end the front as a table.

    Args:
        run: an open W&B run.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self._logged = float(run.summary.get("epochs", 0)) if run.resumed else 0.0

    def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: Result) -> None:
        if result.epochs_spent <= self._logged:
            return  # replayed from the ledger, and in the resumed run's history already
        losses = [trial.values[0] for trial in trials if trial.values]
        self.run.log(
            {
                "generation": generation,
                "rung": rung,
                "epochs": result.epochs_spent,
                "hypervolume": result.hypervolume,
                "rejected": sum(trial.status.value == "rejected" for trial in result.trials),
                "failed": sum(trial.status.value == "failed" for trial in result.trials),
                **({"best_loss": min(losses)} if losses else {}),
            }
        )

    def conclude(self, result: Result) -> None:
        """The front as a table and a scatter plot."""
        table = wandb.Table(list(COLUMNS), [[row[name] for name in COLUMNS] for row in flatten_trials(result.front)])
        self.run.log({"front": table, "pareto": wandb.plot.scatter(table, "params", "val_loss", "Pareto front")})
        if result.best:
            self.run.summary["best"] = result.best.candidate


@contextmanager
def search_run(directory: Path, name: str, config: Mapping[str, Any]) -> Iterator[SearchRun]:
    """An open W&B run for one search, closed whatever happens; an error ends it as failed."""
    run = _open_run(directory, name, _name_group(directory, name), "search", config)
    try:
        yield SearchRun(run)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


class TrainingLogger(WandbLogger):
    """Lightning's logger for one training, whose run ends with the training: as failed when it raised."""

    _ended = False

    def finalize(self, status: str) -> None:
        super().finalize(status)
        if not self._ended:
            self._ended = True
            self.experiment.finish(exit_code=int(status != "success"))


def training_logger(directory: str, name: str, config: Mapping[str, Any]) -> WandbLogger:
    """The logger of one full training; the final one of a search is in the search's group, others in their pair's."""
    wandb.finish()  # or a second training in this process would log into the first one's run
    place = Path(directory)
    group = _name_group(place.parent, name) if (place.parent / "ledger.jsonl").exists() else name
    return TrainingLogger(experiment=_open_run(place, name, group, "training", config))


def _name_group(search: Path, name: str) -> str:
    return f"{name}-{run_id(search, 'search')}"


def run_id(directory: Path, job_type: str) -> str:
    """The same for the same directory, so that what is resumed goes on in its run."""
    return sha256(f"{job_type} {directory.resolve()}".encode()).hexdigest()[:12]


def _open_run(directory: Path, name: str, group: str, job_type: str, config: Mapping[str, Any]) -> Any:
    # A program that logs to W&B hands its service on to what it starts. When that is killed, the service keeps the run
    # open, and refuses its name to whoever goes on with it. A service of our own ends with us.
    os.environ.pop(SERVICE, None)
    # A sweep's agent has chosen run and group already.
    identity: dict[str, Any] = (
        {} if os.environ.get("WANDB_SWEEP_ID") else {"id": run_id(directory, job_type), "group": group}
    )
    return wandb.init(
        project="uniads",
        job_type=job_type,
        name=name,
        dir=directory,
        mode="online" if has_key() else "offline",
        resume="allow" if identity and has_key() else None,
        config=dict(config),
        settings=QUIET,
        **identity,
    )
