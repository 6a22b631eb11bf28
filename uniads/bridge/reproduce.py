"""How to train a candidate again: its overrides, and the command with them."""

import shlex
from collections.abc import Sequence

from uniads.search.trial import Trial


def build_overrides(shared: Sequence[str], trial: Trial, data_seed: int, schedule_epochs: int) -> list[str]:
    """Overrides that train a candidate to its rung again.

    Args:
        shared: overrides that all candidates of the search have.
        trial: the candidate at the rung.
        data_seed: order and augmentation of the images.
        schedule_epochs: length of the learning-rate schedule.
    """
    stop = [] if trial.epochs == schedule_epochs else [f"stop_epoch={trial.epochs}"]
    seeds = [f"seed={trial.seed}", f"data.seed={data_seed}"]
    return [*shared, *trial.overrides, *seeds, f"epochs={schedule_epochs}", *stop, "test=false"]


def build_command(overrides: Sequence[str]) -> str:
    """The command line that trains with these overrides, quoted for a shell."""
    return shlex.join(["python", "-m", "uniads.train", *overrides])
