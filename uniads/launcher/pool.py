"""A launcher whose worker processes may die: each job that kills its worker, or hangs, fails alone."""

import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, final

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from joblib import cpu_count
from omegaconf import DictConfig, open_dict

from uniads.error import UserError
from uniads.launcher.gpu import visible_gpus
from uniads.launcher.worker import Worker, explain_exit

ALARM = getattr(signal, "SIGALRM", 0)
"""The signal that ends a job whose time is over. Windows has none, and no time limit."""


class JobDiedError(UserError):
    """The result of a job that never returned; its message is the reason in the ledger's row."""


@final
class PoolLauncher(Launcher):
    """Runs ``n_jobs`` jobs at a time, in worker processes that are used again for the next ones.

    Torch is imported once for all workers, where the system can fork, and data and teacher are read once by each. When
    a job ends its worker or takes too long, it is FAILED with a ``JobDiedError``, the others go on, and a new worker
    takes the place of the old one. Workers share the GPUs evenly, each of them sees one. A worker that no job needs is
    never started.

    Args:
        n_jobs: worker processes, 1 or more; None for ``per_gpu`` for each GPU, or where there is none one for every
            ``threads`` of the CPU cores that this process may use.
        timeout: seconds that a job may take, above 0; None for no limit.
        threads: of each job; None for all cores.
        per_gpu: jobs at a time on one GPU, 1 or more; small networks leave it idle between launches.
        accelerator: Lightning's: on ``cpu`` no GPU counts.
    """

    def __init__(
        self,
        n_jobs: int | None = None,
        timeout: float | None = None,
        threads: int | None = 1,
        per_gpu: int = 2,
        accelerator: str = "auto",
    ) -> None:
        for name, number in (("n_jobs", n_jobs), ("per_gpu", per_gpu)):
            if number is not None and number < 1:
                raise UserError(f"hydra.launcher.{name} must be 1 or more, got {number}")
        if timeout is not None and not timeout > 0:
            raise UserError(f"hydra.launcher.timeout must be seconds above 0, or null for no limit, got {timeout}")
        self.timeout = timeout
        gpus = visible_gpus() if accelerator != "cpu" else []
        n_jobs = n_jobs or per_gpu * len(gpus) or max(1, cpu_count() // (threads or cpu_count()))
        self._workers = [Worker(gpus[number % len(gpus)] if gpus else None) for number in range(n_jobs)]

    @property
    def n_jobs(self) -> int:
        """Jobs at a time."""
        return len(self._workers)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch; the first jobs start first. When it is interrupted no job goes on."""
        # Hydra's state holds resolvers, which the standard pickle refuses.
        shared = cloudpickle.dumps((self.hydra_context, self.task_function, self.config, Singleton.get_state()))
        waiting = list(enumerate(job_overrides))[::-1]
        idle = list(self._workers)
        running: dict[Future[JobReturn], tuple[int, Worker]] = {}
        returned: dict[int, JobReturn] = {}
        try:
            while waiting or running:
                while waiting and idle:
                    number, overrides = waiting.pop()
                    worker = idle.pop()
                    job = (initial_job_idx + number, list(overrides), shared, self.timeout)
                    running[worker.submit(_execute, *job)] = number, worker
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number, worker = running.pop(future)
                    returned[number] = self._receive(future, worker)
                    idle.append(worker)
        except BaseException:
            self.close()
            raise
        return [returned[number] for number in range(len(job_overrides))]

    def close(self) -> None:
        """End the workers, even during a job."""
        for worker in self._workers:
            worker.close()

    def _receive(self, future: Future[JobReturn], worker: Worker) -> JobReturn:
        try:
            return future.result()
        except BrokenProcessPool:
            code = worker.close()
        except Exception as error:  # on its way from one process to the other
            reason = f"what the job returned can't be read: {type(error).__name__}: {error}"
            return _make_failure(reason)
        if code == -ALARM:
            limit = f"{self.timeout:g} seconds, the limit in hydra.launcher.timeout"
            return _make_failure(f"the job took longer than {limit}")
        return _make_failure(explain_exit(code))


def _make_failure(reason: str) -> JobReturn:
    return JobReturn(status=JobStatus.FAILED, _return_value=JobDiedError(reason))


def _execute(number: int, overrides: list[str], shared: bytes, timeout: float | None) -> JobReturn:
    """One job, in a worker, which the system ends when its time is over."""
    if hasattr(signal, "setitimer"):
        signal.signal(ALARM, signal.SIG_DFL)  # a call that hangs would never run a handler of Python's
        signal.setitimer(signal.ITIMER_REAL, timeout or 0)
    try:
        return _compose_and_run(number, overrides, shared)
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def _compose_and_run(number: int, overrides: list[str], shared: bytes) -> JobReturn:
    """One job as Hydra runs it. What can't be composed costs one job, too."""
    hydra_context, task_function, config, state = cloudpickle.loads(shared)
    setup_globals()
    Singleton.set_state(state)
    try:
        cfg = hydra_context.config_loader.load_sweep_config(config, overrides)
    except Exception as error:
        return _make_failure(f"the configuration of the job is refused: {error}")
    with open_dict(cfg):
        cfg.hydra.job.id = f"{cfg.hydra.job.name}_{number}"
        cfg.hydra.job.num = number
    HydraConfig.instance().set_config(cfg)
    settings: dict[str, Any] = {"job_dir_key": "hydra.sweep.dir", "job_subdir_key": "hydra.sweep.subdir"}
    job = run_job(hydra_context=hydra_context, config=cfg, task_function=task_function, **settings)
    # Without the configurations: their classes, imported twice by Hydra's scan for plugins, can't always be pickled.
    return JobReturn(overrides=job.overrides, status=job.status, _return_value=job._return_value)
