"""The only bridge between search and training: trials become Hydra jobs, and their answers trials."""

import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.errors import InstantiationException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from uniads.composition import Composition
from uniads.fit import fit
from uniads.search.trial import Trial
from uniads.training import hush

Answer = dict[str, Any]


def run_trial(cfg: DictConfig) -> Answer:
    """One job: train a candidate to its rung and leave the answer in its directory. It raises for nothing but Ctrl-C.

    The answer is written atomically, so whoever finds one finds a whole one, whatever became of the process.
    """
    directory = Path(cfg.paths.run_dir)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"started-{cfg.stop_epoch}").touch()
    hush()
    try:
        outcome = fit(cfg)
        answer: Answer = {"reason": outcome.rejected, "outcome": outcome.numbers(), "seconds": outcome.seconds}
    except Exception as error:
        (directory / f"error-{cfg.stop_epoch}.txt").write_text(traceback.format_exc())
        answer = {"failed": _reason(error)}
    except SystemExit as error:
        # Lightning turns Ctrl-C into an exit, and ignores further ones.
        if isinstance(error.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from error
        answer = {"failed": f"the training left with exit code {error.code}"}
    partial = directory / f"answer-{cfg.stop_epoch}.part"
    partial.write_text(json.dumps(answer))
    os.replace(partial, _answer_file(directory, cfg.stop_epoch))
    return answer


def _reason(error: BaseException) -> str:
    """The first line of an error, or of what Hydra wraps in its own."""
    if isinstance(error, InstantiationException) and error.__cause__:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _answer_file(directory: Path, epochs: int) -> Path:
    return directory / f"answer-{epochs}.json"


def quoted(path: Path) -> str:
    """A path as a value in Hydra's grammar, whatever signs are in it."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


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
    """

    loader: ConfigLoader
    overrides: Sequence[str]
    launcher: Sequence[str]
    directory: Path
    epochs: int
    data_seed: int
    size: Callable[[Trial], float]
    _launcher: Launcher | None = field(default=None, init=False, repr=False)

    @property
    def store(self) -> Path:
        """Where the jobs share what the teacher said."""
        return self.directory.parent / "teacher_store"

    def __call__(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        open_ones = [trial for trial in trials if not self._file(trial).exists()]
        if open_ones:
            self._run(open_ones)
        for trial in trials:
            yield self._ended(trial)

    def command(self, trial: Trial) -> list[str]:
        """Overrides that train this candidate to its rung again, to be pasted after ``python -m uniads.train``."""
        return [
            *self.overrides,
            *trial.overrides,
            f"seed={trial.seed}",
            f"data.seed={self.data_seed}",
            f"epochs={self.epochs}",
            *([f"stop_epoch={trial.epochs}"] if trial.epochs != self.epochs else []),
            "test=false",
        ]

    def check(self, overrides: Sequence[str]) -> None:
        """Compose one candidate without running it, so that a wrong key is found before anything is trained."""
        self.loader.load_configuration("train", [*self.overrides, *overrides], RunMode.RUN)

    def _run(self, trials: Sequence[Trial]) -> None:
        """Launch a batch; a broken one is taken apart."""
        try:
            self._launch(trials)
        except KeyboardInterrupt:
            raise
        except BaseException:
            # Joblib, Ray and Submitit give up a whole batch when one worker dies. Whoever had started is a suspect.
            left = [trial for trial in trials if not self._file(trial).exists()]
            suspects = [trial for trial in left if self._started(trial)]
            for trial in suspects:
                self._alone(trial)
            others = [trial for trial in left if trial not in suspects]
            if len(others) == len(trials):
                raise
            if others:
                self._run(others)

    def _alone(self, trial: Trial) -> None:
        try:
            self._launch([trial])
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            answer = {"failed": f"the job died: {_reason(error)}"}
            self._file(trial).write_text(json.dumps(answer))

    def _launch(self, trials: Sequence[Trial]) -> None:
        launcher = self._launcher or self._set_up()
        self._launcher = launcher
        # The largest first: no worker then ends long after the others.
        jobs = [self._job(trial) for trial in sorted(trials, key=self.size, reverse=True)]
        launcher.launch(jobs, initial_job_idx=0)

    def _set_up(self) -> Launcher:
        shared = [
            f"hydra.sweep.dir={quoted(self.directory)}",
            "hydra/hydra_logging=disabled",
            "hydra/job_logging=disabled",
        ]
        config = self.loader.load_configuration("train", [*self.overrides, *self.launcher, *shared], RunMode.MULTIRUN)
        context = HydraContext(config_loader=Composition(self.loader.get_search_path()), callbacks=_callbacks(config))
        return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=run_trial, config=config)

    def _job(self, trial: Trial) -> list[str]:
        store = f"teacher_store.directory={quoted(self.store)}"
        return [*self.command(trial), f"hydra.sweep.subdir={trial.candidate}", "trial=true", store]

    def _file(self, trial: Trial) -> Path:
        return _answer_file(self.directory / trial.candidate, trial.epochs)

    def _started(self, trial: Trial) -> bool:
        return (self.directory / trial.candidate / f"started-{trial.epochs}").exists()

    def _ended(self, trial: Trial) -> Trial:
        answer: Answer = json.loads(self._file(trial).read_text())
        if "failed" in answer:
            return trial.failed(answer["failed"])
        if answer["reason"]:
            return trial.rejected(answer["reason"], answer["outcome"], answer["seconds"])
        return trial.completed(answer["outcome"], answer["seconds"])


def _callbacks(config: DictConfig) -> Any:
    from hydra._internal.callbacks import Callbacks

    return Callbacks(config)
