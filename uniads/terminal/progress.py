"""A search on the terminal: a live bar, and one line a rung."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from uniads.launcher.slip import Slip
from uniads.search import Result, Schedule, Status, Trial, Watcher
from uniads.terminal.console import print_lines

POLL = 0.25
"""Seconds between two looks at the jobs' directories."""


class ProgressWatcher(Watcher):
    """Shows where a search is. Time left follows from the epochs that are left.

    Args:
        console: where to print.
        schedule: the rungs.
        cost: epochs that the search may take.
        directory: where jobs leave their answers; a launcher returns only when a whole batch is done.
    """

    def __init__(self, console: Console, schedule: Schedule, cost: int, directory: Path) -> None:
        self.console, self.schedule, self.directory = console, schedule, directory
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console, transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task("search", total=cost)
        self._done = 0.0
        self._batch: Sequence[Trial] = ()
        self._stop = Event()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the bar while the search runs."""
        poll = Thread(target=self._poll, daemon=True)
        with self.bar:
            poll.start()
            try:
                yield
            finally:
                self._stop.set()
                poll.join()

    def start(self, generation: int, rung: int, trials: Sequence[Trial]) -> None:
        self._batch = trials
        which = "again" if trials[0].repeats else f"generation {generation + 1}"
        self.bar.update(self.task, description=f"{which}, rung {rung + 1}")

    def finish(self, generation: int, rung: int, trials: Sequence[Trial], result: Result) -> None:
        self._batch = ()
        self._done = result.epochs_spent
        rejected = sum(trial.status is Status.REJECTED for trial in trials)
        failed = sum(trial.status is Status.FAILED for trial in trials)
        losses = [trial.values[0] for trial in trials if trial.status is Status.COMPLETED]
        best = f"{min(losses):.4f}" if losses else "none"
        which = "again       " if trials[0].repeats else f"generation {generation + 1}"
        line = (
            f"{which}  rung {rung + 1}/{len(self.schedule.rungs)}  "
            f"{trials[0].epochs:>3} epochs  {len(trials):>3} candidates  best loss {best}  "
            f"rejected {rejected}  failed {failed}"
        )
        lost = [trial for trial in trials if trial.status is not Status.COMPLETED]
        reasons = [f"  {trial.candidate} {trial.status.value}: {trial.reason}" for trial in lost]
        print_lines(self.console, [line, *reasons])
        self.bar.update(self.task, completed=self._done)

    def _poll(self) -> None:
        while not self._stop.wait(POLL):
            ready = [
                trial.epochs - trial.start for trial in self._batch
                if Slip(self.directory / trial.candidate, trial.epochs).answer.exists()
            ]  # fmt: skip
            self.bar.update(self.task, completed=self._done + sum(ready))
