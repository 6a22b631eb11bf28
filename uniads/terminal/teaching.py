"""The training of a teacher on the terminal: a live bar, and now and then a line."""

from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from uniads.teacher.watcher import TeacherWatcher
from uniads.terminal.console import print_lines

PAUSE = 30.0
"""Seconds between two lines where no bar can be shown, as in a log file."""


class TeacherProgress(TeacherWatcher):
    """Shows the epochs of a teacher's training, its accuracy and the time left.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        self._name = ""
        self._epochs = 0
        self._printed = 0.0

    def wait(self, name: str, file: Path) -> None:
        print_lines(self.console, [f"waiting  for another process that trains {name}, to be stored in {file}"])

    def start(self, name: str, epochs: int, done: int) -> None:
        self._name, self._epochs, self._printed = name, epochs, monotonic()
        print_lines(
            self.console, [f"training {name}: {epochs} epochs" + (f", {done} of them done before" if done else "")]
        )
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=self.console, transient=True,
        )  # fmt: skip
        self._bar.add_task(name, total=epochs, completed=done)
        self._bar.start()

    def epoch(self, done: int, val_acc1: float) -> None:
        accuracy = f"validation accuracy {val_acc1:.2%}"
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, description=f"{self._name}, {accuracy}")
        if not self.console.is_terminal and (monotonic() - self._printed > PAUSE or done == self._epochs):
            self._printed = monotonic()
            print_lines(self.console, [f"         epoch {done} of {self._epochs}, {accuracy}"])

    def finish(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
