"""Observes how teachers and assistants come to their weights."""

from pathlib import Path


class TeacherWatcher:
    """Observes the training of teachers. Override the methods that you need."""

    def wait(self, name: str, file: Path) -> None:
        """Another process holds the teacher's file; it is waited for.

        Args:
            name: of the network.
            file: where its weights will be stored.
        """

    def start(self, name: str, epochs: int, done: int) -> None:
        """A training begins.

        Args:
            name: of the network.
            epochs: where the training ends.
            done: epochs that an earlier, interrupted process has trained.
        """

    def epoch(self, done: int, val_acc1: float) -> None:
        """An epoch has ended.

        Args:
            done: epochs in all.
            val_acc1: top-1 accuracy on the validation split, 0 to 1.
        """

    def finish(self) -> None:
        """The training has ended, or was stopped."""
