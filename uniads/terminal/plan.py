"""What a run will do and about how long that takes, said before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Step:
    """One part of a run.

    Attributes:
        name: such as ``teacher`` or ``search``.
        work: what is done.
        seconds: that it takes at most, about; None: it is done already, or can't be known.
    """

    name: str
    work: str
    seconds: float | None = None


def describe_plan(steps: Sequence[Step], disk: float, directory: str) -> list[str]:
    """Lines on the parts of a run, their times and the disk space that they need.

    Args:
        steps: in their order.
        disk: bytes that are needed at most, about.
        directory: where.
    """
    lines = [f"{step.name}: {step.work}" + _describe_time(step.seconds) for step in steps]
    total = sum(step.seconds or 0.0 for step in steps)
    lines.append(f"in all{_describe_time(total)} and {format_bytes(disk)} in {directory}, judged by a few timed steps")
    return [("plan     " if number == 0 else "         ") + line for number, line in enumerate(lines)]


def _describe_time(seconds: float | None) -> str:
    return "" if seconds is None else f", about {format_seconds(seconds)}"


def format_seconds(seconds: float) -> str:
    """A duration as hours, minutes and seconds, days before them."""
    return str(timedelta(seconds=max(1, round(seconds))))


def format_bytes(count: float) -> str:
    """An amount of memory in the largest fitting unit of 1000 bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
