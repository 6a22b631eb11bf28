"""The only bridge between search and training: trials become Hydra jobs, and their answers trials."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig

from uniads.bridge.job import Job, first_line
from uniads.bridge.machine import find_fault
from uniads.bridge.reproduce import build_overrides, quote
from uniads.bridge.training_settings import plain
from uniads.error import UserError
from uniads.error import first_line as error_line
from uniads.launcher.hydra_private import Composition, build_callbacks, job_error
from uniads.launcher.pool import JobDiedError, PoolLauncher
from uniads.launcher.slip import Slip, set_aside
from uniads.notice import notify
from uniads.outcome import Outcome
from uniads.schema.signature import check_signature
from uniads.search.space import Genome
from uniads.search.trial import Trial

OUR_LAUNCHERS = "uniads."
"""Hydra instantiates launchers of its own namespaces only; these are instantiated here."""

NO_ANSWER = JobDiedError("the job came back and left no answer in its directory, which all processes must share")


@dataclass
class Launch:
    """Evaluates batches of trials with a Hydra launcher. An objective of the search engine.

    Attributes:
        loader: composes the jobs' configurations.
        overrides: what all jobs share; a candidate's own overrides come after.
        launcher: overrides that choose and set the Hydra launcher.
        directory: a folder in which every candidate gets one of its own.
        epochs: length of the learning-rate schedule of all candidates: the top rung.
        data_seed: order and augmentation of the images, the same for all candidates.
        size: how much work a trial is, in any unit.
        train: what a job does; other processes have to be able to import it.
        identity: of what the overrides don't tell, such as the contents of images and of the teacher's file.
    """

    loader: ConfigLoader
    overrides: Sequence[str]
    launcher: Sequence[str]
    directory: Path
    epochs: int
    data_seed: int
    size: Callable[[Trial], float]
    train: Callable[[DictConfig], Outcome]
    identity: str = ""
    _launcher: Launcher | None = field(default=None, init=False, repr=False)
    _master: DictConfig | None = field(default=None, init=False, repr=False)
    _has_started: bool = field(default=False, init=False, repr=False)  # whether the launcher has started a job

    @property
    def store(self) -> Path:
        """Where the jobs share what the teacher said."""
        return self.directory.parent / "teacher_store"

    @property
    def jobs(self) -> int:
        """How many jobs run at a time, as far as it is known: 1 for the launchers of others."""
        self.create_launcher()
        return self._launcher.n_jobs if isinstance(self._launcher, PoolLauncher) else 1

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        """Evaluate a batch.

        Raises:
            KeyboardInterrupt: on Ctrl-C; no job of the batch runs on.
            MachineError: a disk is full, or the machine fails in another way. What was answered before is kept.
        """
        for trial in trials:
            self._set_aside_other(trial)
        if fresh := self._find_unanswered(trials):
            for trial in fresh:
                slip = self._slip(trial)
                if slip.answer.exists():
                    notify(f"{slip.answer} can't be read or is another candidate's: it counts as missing")
                slip.forget()
                slip.write_claim(self._key(trial))
            self._run(fresh)
        for trial in trials:
            yield self._read_answer(trial)

    def command(self, trial: Trial) -> list[str]:
        """Overrides that train this candidate to its rung again, to be pasted after ``python -m uniads.train``."""
        return build_overrides(self.overrides, trial, self.data_seed, self.epochs)

    def compose(self, genome: Genome, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a candidate's job at the top rung, as a launcher composes it.

        Args:
            genome: of the candidate.
            overrides: its own.
        """
        if self._master is None:
            self._master = self._load_master()
        trial = Trial("c0000", genome, tuple(overrides), 0, 0, self.epochs, 0)
        return self._composition.load_sweep_config(self._master, self._job(trial))

    def create_launcher(self) -> None:
        """Make the launcher, if there is none yet, so that a wrong setting is found before anything is trained."""
        self._launcher = self._launcher or self._build_launcher()

    def close(self) -> None:
        """End worker processes that wait for more jobs."""
        if isinstance(self._launcher, PoolLauncher):
            self._launcher.close()

    def _key(self, trial: Trial) -> str:
        """A hash of all that decides what a candidate's folder holds."""
        parts = [self.identity, *self.overrides, *trial.overrides, trial.seed, self.data_seed, self.epochs]
        return sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]

    def _set_aside_other(self, trial: Trial) -> None:
        """Set the folder of another search's candidate aside, so that nothing in it is taken for this one's."""
        slip = self._slip(trial)
        if slip.claim not in (None, self._key(trial)):
            other = set_aside(slip.folder)
            notify(
                f"{slip.folder} was another candidate's, of another search in this directory; it is {other.name} now"
            )

    def _run(self, trials: Sequence[Trial]) -> None:
        """Launch a batch; a broken one is taken apart."""
        error = self._launch(trials)
        if error is None:
            return
        # Joblib, Ray and Submitit give up a whole batch when one worker dies. Whoever had started is a suspect.
        left = self._find_unanswered(trials)
        suspects = [trial for trial in left if self._slip(trial).started.exists()]
        others = [trial for trial in left if trial not in suspects]
        if len(others) == len(trials):
            suspects, others = others, []
        errors = {trial.candidate: self._launch([trial]) for trial in suspects}
        if not self._has_started:
            raise error  # it is not the jobs' fault: none of them can be started
        for trial in self._find_unanswered(suspects):
            self._fail(trial, errors[trial.candidate] or error)
        if others:
            self._run(others)

    def _launch(self, trials: Sequence[Trial]) -> BaseException | None:
        """Launch a batch; returns what the launcher raised, which is no job's own error."""
        # The largest first: no worker then ends long after the others.
        ordered = sorted(trials, key=self.size, reverse=True)
        try:
            self._launcher = self._launcher or self._build_launcher()
            returned = self._launcher.launch([self._job(trial) for trial in ordered], initial_job_idx=0)
        except KeyboardInterrupt:
            for trial in trials:
                self._slip(trial).kill()
            raise
        except BaseException as error:
            self._raise_fault(error)
            return error
        finally:
            self._has_started = self._has_started or any(self._slip(trial).started.exists() for trial in trials)
        silent = [pair for pair in zip(ordered, returned, strict=True) if self._find_unanswered([pair[0]])]
        for _, job in silent:
            self._raise_fault(job_error(job))
        if not self._has_started:
            return JobDiedError(explain(job_error(returned[0]) or NO_ANSWER))
        for trial, job in silent:
            self._fail(trial, job_error(job) or NO_ANSWER)
        return None

    def _raise_fault(self, error: Any) -> None:
        """No candidate is to blame for the machine.

        Raises:
            MachineError: the error tells of a fault of the machine.
        """
        if fault := find_fault(error, self.directory):
            raise fault from (error if isinstance(error, BaseException) and error is not fault else None)

    def _fail(self, trial: Trial, error: BaseException) -> None:
        slip = self._slip(trial)
        slip.write({"failed": explain(error)})
        slip.tidy()

    @cached_property
    def _composition(self) -> Composition:
        return Composition(self.loader.get_search_path())

    def _load_master(self) -> DictConfig:
        """What all jobs share, with the settings of their launcher."""
        shared = [
            f"hydra.sweep.dir={quote(self.directory)}",
            "hydra/hydra_logging=disabled",
            "hydra/job_logging=disabled",
        ]
        return self.loader.load_configuration("train", [*self.overrides, *self.launcher, *shared], RunMode.MULTIRUN)

    def _build_launcher(self) -> Launcher:
        config = self._master = self._master or self._load_master()
        check_signature("hydra.launcher", plain(config.hydra.launcher))
        if config.hydra.launcher.get("n_jobs", 1) == 0:
            raise UserError("hydra.launcher.n_jobs must be 1 or more, got 0")
        context = HydraContext(config_loader=self._composition, callbacks=build_callbacks(config))
        job = Job(self.train)
        if not config.hydra.launcher._target_.startswith(OUR_LAUNCHERS):
            return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=job, config=config)
        launcher: Launcher = instantiate(config.hydra.launcher)
        launcher.setup(hydra_context=context, task_function=job, config=config)
        return launcher

    def _job(self, trial: Trial) -> list[str]:
        # Hydra composes a job with the settings of its launcher, and forgets which launcher they belong to.
        launcher = [override for override in self.launcher if override.startswith("launcher=")]
        store = f"teacher_store.directory={quote(self.store)}"
        return [*launcher, *self.command(trial), f"hydra.sweep.subdir={trial.candidate}", "trial=true", store]

    def _slip(self, trial: Trial) -> Slip:
        return Slip(self.directory / trial.candidate, trial.epochs)

    def _find_unanswered(self, trials: Sequence[Trial]) -> list[Trial]:
        return [trial for trial in trials if self._slip(trial).find() is None]

    def _read_answer(self, trial: Trial) -> Trial:
        told = self._slip(trial).find()
        if told is None:
            return trial.failed(explain(NO_ANSWER))
        for note in told.notes:
            notify(f"{trial.candidate}: {note}")
        if told.failed is not None:
            return trial.failed(told.failed)
        if told.reason:
            return trial.rejected(told.reason, told.outcome, told.seconds)
        return trial.completed(told.outcome, told.seconds)


def explain(error: BaseException) -> str:
    """Why a trial failed whose job never answered."""
    if isinstance(error, JobDiedError):
        return error_line(error)
    if "Timeout" in type(error).__name__:
        return "the job took longer than the launcher's time limit"
    return f"the job's process died: {first_line(error).partition('. ')[0]}"
