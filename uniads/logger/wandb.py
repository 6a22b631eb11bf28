"""Weights & Biases: one run a search, with its Pareto front and hypervolume, and one a full training.

W&B never stops nor delays the work: it is spoken to from a thread of its own; what goes wrong there is told in a line.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from hydra.core.hydra_config import HydraConfig
from pytorch_lightning.loggers.logger import DummyExperiment, Logger  # type: ignore[attr-defined]

from uniads.logger.background import Background
from uniads.search import Result, Trial, Watcher
from uniads.settings.blueprint import Blueprint
from uniads.terminal.table import flatten_trials, list_numbers

OPEN_SECONDS = 10.0
"""In which the server has to answer; after that the run is offline."""
CLOSE_SECONDS = 30.0
"""For which the end of a run is waited for. What is not uploaded by then is on the disk."""
ERROR_SECONDS = 10.0
"""Likewise of a run that ends with an error, or with Ctrl-C."""
UPLOAD_SECONDS = 20.0
"""After which W&B itself gives up uploading at the end of a run."""
HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")
"""Under which ``wandb login`` keeps a key in ``~/.netrc``, beside the host of ``WANDB_BASE_URL``."""
KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
SERVICE = "WANDB_SERVICE"
"""Where a program that logs to W&B leaves the address of its service."""
UNREACHED: list[str] = []
"""Servers that did not answer: later runs of this process do not try them again."""


def choose_mode() -> str:
    """``online``, ``offline`` or ``disabled``: what ``WANDB_MODE`` says, and offline without a key."""
    mode = os.environ.get("WANDB_MODE", "").lower()
    if mode == "disabled" or os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes"):
        return "disabled"
    return "offline" if mode in ("offline", "dryrun") or not has_key() else "online"


def has_key() -> bool:
    """Whether there is a key: in the environment or in the netrc file."""
    if any(os.environ.get(name) for name in KEYS):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc
    with suppress(OSError, NetrcParseError, RuntimeError):  # RuntimeError: there is no home
        keys = netrc(os.environ.get("NETRC"))
        return any(keys.authenticators(name) for name in ([host] if host else HOSTS))
    return False


def logs_here(logger: Blueprint[Any] | None) -> bool:
    """Whether a logger's configuration asks for W&B, ours or Lightning's, and the environment does not forbid it."""
    return logger is not None and "wandb" in logger.target.lower() and choose_mode() != "disabled"


def describe_logging(logger: Blueprint[Any] | None) -> str:
    """Where a search is logged.

    Args:
        logger: of its trainings.
    """
    if not logs_here(logger):
        return "logging  W&B off; logger=wandb and no WANDB_MODE=disabled turn it on"
    if choose_mode() == "online":
        return "logging  W&B online; logger=none or WANDB_MODE=disabled turns it off, WANDB_MODE=offline keeps it here"
    why = "as WANDB_MODE says" if has_key() else "no key found"
    return f"logging  W&B offline ({why}); wandb sync uploads it later, logger=none turns it off"


class Run:
    """A W&B run, spoken to in the background. Where W&B is off nothing is written, and every call does nothing.

    Args:
        directory: of the search or training; the run's files are in its ``wandb/``.
        name: which people read.
        group: of runs that belong together.
        job_type: ``search`` or ``training``.
        config: plain values.
        on: whether to log at all.
    """

    def __init__(
        self, directory: Path, name: str, group: str, job_type: str, config: Mapping[str, Any], on: bool = True
    ) -> None:
        self.directory, self.name, self.group, self.job_type = directory, name, group, job_type
        self.id = run_id(directory, job_type)
        self.config = dict(config)
        self.opened: Any = None
        self._line = Background(self._open, _finish, self._tell) if on and choose_mode() != "disabled" else None

    def call(self, use: Any) -> None:
        """Use W&B's run: ``use(run)``."""
        if self._line:
            self._line.call(use)

    def log(self, numbers: Mapping[str, Any]) -> None:
        """Log numbers as one step."""
        self.call(lambda run: run.log(dict(numbers)))

    def close(self, exit_code: int) -> None:
        """End the run, and wait a while until everything is uploaded, or on the disk."""
        line, self._line = self._line, None
        seconds = ERROR_SECONDS if exit_code else CLOSE_SECONDS
        if line and not line.close(exit_code, seconds):
            _say(f"it was not done after {seconds:g} s; `wandb sync` uploads what is in {self.directory / 'wandb'}")
            _end_service()

    def _tell(self, error: BaseException) -> None:
        kept = self.directory / "wandb"
        _say(f"{_shorten(error)}; {self.name!r} goes on without logging; `wandb sync` uploads what is in {kept}")

    def _open(self) -> Any:
        # A program that logs to W&B hands its service on to what it starts. When that is killed, the service keeps the
        # run open, and refuses its name to whoever goes on with it. A service of our own ends with us.
        # What is set to nothing is not set, which W&B's own settings refuse.
        for name in [SERVICE, *(name for name, value in os.environ.items() if name.startswith("WANDB_") and not value)]:
            os.environ.pop(name, None)
        # Nothing is reported but the run, nor waited for at the exit where the server is silent.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        server = os.environ.get("WANDB_BASE_URL", "")
        if choose_mode() == "online" and server not in UNREACHED:
            try:
                self.opened = self._init("online")
                return self.opened
            except Exception as error:
                UNREACHED.append(server)
                _say(f"{_shorten(error)}; logging offline to {self.directory / 'wandb'}, `wandb sync` uploads it later")
                wandb.teardown()
        elif os.environ.get("WANDB_MODE") == "online" and not has_key():
            _say("WANDB_MODE=online needs a key, and there is none; logging offline, `wandb login` stores one")
        self.opened = self._init("offline")
        return self.opened

    def _init(self, mode: Literal["online", "offline"]) -> Any:
        import wandb

        # What the environment leaves open is W&B's own setting, such as that of `wandb offline`.
        own = os.environ.get("WANDB_MODE") or wandb.setup().settings.mode
        wanted: dict[str, Any] = {
            "silent": True, "console": "off", "x_disable_stats": True, "x_disable_meta": True, "reinit": "create_new",
            "init_timeout": OPEN_SECONDS, "finish_timeout": UPLOAD_SECONDS,
            "finish_timeout_raises": True,
        }  # fmt: skip
        known = type(wandb.Settings()).model_fields
        # A sweep's agent has chosen run and group already.
        chosen = bool(os.environ.get("WANDB_SWEEP_ID"))
        identity: dict[str, Any] = {} if chosen else {"id": self.id, "group": self.group}
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", "uniads"),
            job_type=self.job_type,
            name=self.name,
            dir=self.directory,
            mode="disabled" if own == "disabled" else "offline" if own == "offline" else mode,
            resume="allow" if identity and mode == "online" else None,
            config=self.config,
            settings=wandb.Settings(**{name: value for name, value in wanted.items() if name in known}),
            **identity,
        )


def _finish(run: Any, exit_code: int) -> None:
    import wandb

    try:
        run.finish(exit_code=exit_code)
    except Exception:
        _end_service()  # it may have died; the next run gets a new one
        with suppress(Exception, SystemExit):
            wandb.teardown()
        raise


def _end_service() -> None:
    """End W&B's own process, for which Python would otherwise wait at its exit, however long that takes."""
    import wandb

    with suppress(Exception):
        process = wandb.setup()._connection._proc._process  # type: ignore[union-attr]
        process.kill()
        process.wait(5)


def _say(sentence: str) -> None:
    # Not a notice: who listens to these may be a candidate's job, to which this does not belong.
    print(f"W&B: {sentence}", file=sys.stderr, flush=True)  # noqa: T201


def _shorten(error: BaseException) -> str:
    reason = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {reason[:300]}" if reason else type(error).__name__


class SearchRun(Watcher):
    """Logs one search: after every rung the epochs and the hypervolume, at the end the front as a table.

    Args:
        run: a W&B run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: Result) -> None:
        losses = [trial.values[0] for trial in trials if trial.values]
        numbers = {
            "generation": generation,
            "rung": rung,
            "epochs": result.epochs_spent,
            "hypervolume": result.hypervolume,
            "rejected": sum(trial.status.value == "rejected" for trial in result.trials),
            "failed": sum(trial.status.value == "failed" for trial in result.trials),
            **({"best_loss": min(losses)} if losses else {}),
        }
        self.run.call(lambda run: self._log(run, numbers))

    def _log(self, run: Any, numbers: Mapping[str, Any]) -> None:
        # What is replayed from the ledger is in a resumed run's history already.
        logged = float(run.summary.get("epochs", 0)) if run.resumed else 0.0
        if numbers["epochs"] > logged:
            run.log(numbers)

    def conclude(self, result: Result) -> None:
        """The front as a table and a scatter plot."""
        if result.best:
            name = result.best.candidate
            self.run.call(lambda run: run.summary.update({"best": name}))
        names = list_numbers(result)
        columns: list[str | int] = ["candidate", *names, "epochs", "seconds", "overrides"]
        rows = [[row[str(name)] for name in columns] for row in flatten_trials(result.front, names)]
        shown = [measure.name for measure in result.measures if measure.name in names]

        def draw(run: Any) -> None:
            import wandb

            table = wandb.Table(columns, rows)
            run.log({"front": table})
            if len(shown) > 1:
                run.log({"pareto": wandb.plot.scatter(table, shown[1], shown[0], "Pareto front")})

        self.run.call(draw)


@contextmanager
def search_run(
    directory: Path, pair: str, method: str, seed: int, config: Mapping[str, Any], logger: Blueprint[Any] | None
) -> Iterator[SearchRun]:
    """A W&B run for one search, closed whatever happens; an error ends it as failed.

    Args:
        directory: of the search.
        pair: teacher and student.
        method: option of the search.
        seed: of the search.
        config: of the search, plain values.
        logger: of its trainings: the search is logged where they are.
    """
    name = f"{pair} {method}, seed {seed}"
    run = Run(directory, name, _name_group(directory, pair), "search", config, logs_here(logger))
    try:
        yield SearchRun(run)
    except BaseException:
        run.close(1)
        raise
    run.close(0)


class TrainingLogger(Logger):
    """Lightning's logger for one training, whose run ends with the training: as failed when it raised.

    Args:
        run: a W&B run.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        run.call(_define_steps)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def version(self) -> str:
        return self.run.id

    @property
    def save_dir(self) -> str:
        return str(self.run.directory)

    @property
    def experiment(self) -> Any:
        """W&B's own run; before it is open something that takes every call."""
        return self.run.opened or DummyExperiment()

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration was given when the run was opened."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        at = {} if step is None else {"trainer/global_step": step}
        self.run.log({**metrics, **at})

    def finalize(self, status: str) -> None:
        self.run.close(int(status != "success"))


def _define_steps(run: Any) -> None:
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)


def training_logger(
    directory: str, pair: str, seed: int, config: Mapping[str, Any], method: str | None = None
) -> TrainingLogger:
    """The logger of one full training; the final one of a search is in the search's group, others in their pair's.

    Args:
        directory: of the training.
        pair: teacher and student.
        seed: of the student's weights.
        config: of the training, plain values.
        method: option of the distiller; None: the running command's.
    """
    place = Path(directory)
    if method is None and HydraConfig.initialized():
        method = str(HydraConfig.get().runtime.choices.get("distiller"))
    final = (place.parent / "ledger.jsonl").exists()
    group = _name_group(place.parent, pair) if final else pair
    name = " ".join(filter(None, (pair, method, "final" if final else "")))
    facts = {"pair": pair, "method": method, "seed": seed, **config}
    return TrainingLogger(Run(place, f"{name}, seed {seed}", group, "training", facts))


def _name_group(search: Path, name: str) -> str:
    return f"{name}-{run_id(search, 'search')}"


def run_id(directory: Path, job_type: str) -> str:
    """The same for the same directory, so that what is resumed goes on in its run."""
    return sha256(f"{job_type} {directory.resolve()}".encode()).hexdigest()[:12]
