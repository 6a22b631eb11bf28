"""Commands to be pasted into a shell: to train a candidate again, and to go on with a search."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import yaml

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


def build_command(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """The command line that trains with these overrides, quoted for a shell.

    Args:
        overrides: of ``python -m uniads.train``.
        config_dir: folder of the user's own options, if the search was given one.
    """
    own = ["--config-dir", config_dir] if config_dir else []
    return shlex.join(["python", "-m", "uniads.train", *own, *overrides])


def build_resuming_command(arguments: Sequence[str], directory: Path) -> str:
    """The command line that goes on with a search, quoted for a shell.

    Args:
        arguments: of the search's command.
        directory: of the search.
    """
    given = [argument for argument in arguments if not argument.startswith("hydra.run.dir=")]
    return shlex.join(["python", "-m", "uniads.search", *given, f"hydra.run.dir={quote(directory)}"])


def quote(path: Path) -> str:
    """A path as a value in Hydra's grammar, quoted where signs in it mean something there."""
    text = str(path)
    if re.fullmatch(r"[\w.-]*/[\w./-]*", text):
        return text
    # Between quotes a backslash stands for itself but before a quote, and a dollar would begin a reference.
    text = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    text = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", text)
    return f"'{text}'"


def find_config_dir(directory: Path) -> str | None:
    """The folder that a search was given with ``--config-dir``, as its Hydra has noted; None where there was none.

    Args:
        directory: of the search.
    """
    note = directory / ".hydra" / "hydra.yaml"
    if not note.is_file():
        return None
    sources = yaml.safe_load(note.read_text(encoding="utf-8"))["hydra"]["runtime"]["config_sources"]
    return next((str(source["path"]) for source in sources if source["provider"] == "command-line"), None)
