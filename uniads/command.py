"""Every command: Hydra composes, the task runs, and a user's mistake ends in one sentence instead of a stack trace."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from threading import Timer
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from uniads.options import conf_dir
from uniads.quiet import hush

FULL = "HYDRA_FULL_ERROR"
MENDABLE = (HydraException, OmegaConfBaseException, ValueError, LookupError, OSError)
EXTRAS = {"ray": "ray", "submitit_local": "submitit", "submitit_slurm": "submitit"}
"""Launchers of libraries that are not always installed."""

FOREIGN = "Invalid plugin"
"""What Hydra says of a launcher outside of its own namespace, which only a search can use."""

Task = Callable[[DictConfig], None]


def command(config_name: str) -> Callable[[Task], Callable[[], None]]:
    """Make a task a command with ``conf/<config_name>.yaml`` as its root.

    Errors that a user can mend are printed as one sentence, with exit code 1; ``HYDRA_FULL_ERROR=1`` shows the stack.
    """

    def decorate(task: Task) -> Callable[[], None]:
        failures: list[Exception] = []

        @wraps(task)
        def single(cfg: DictConfig) -> None:
            hush()
            try:
                task(cfg)
            except MENDABLE as error:
                # Of one run Hydra would print a line of its own first; in a multirun its launcher has to know.
                if HydraConfig.get().mode is not RunMode.RUN:
                    raise
                failures.append(error)

        run = hydra.main(config_path=str(conf_dir()), config_name=config_name, version_base="1.3")(single)

        @wraps(task)
        def main() -> None:
            failures.clear()
            full = os.environ.get(FULL) == "1"
            # Hydra would print its own trace and leave; with this set it hands the error over.
            os.environ[FULL] = "1"
            try:
                with _insistent():
                    run()
                if failures:
                    raise failures[0]
            except (*MENDABLE, RuntimeError) as error:
                if full or not _mendable(error):
                    raise
                sys.exit(f"error: {sentence(error)}\n({FULL}=1 shows where it happened.)")
            except KeyboardInterrupt:
                sys.exit("interrupted")

        return main

    return decorate


@contextmanager
def _insistent() -> Iterator[None]:
    """Repeat a Ctrl-C that Python would show and drop: one inside a destructor or the callback of a weak reference."""
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            Timer(0.01, signal.raise_signal, (signal.SIGINT,)).start()  # after the callback
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _mendable(error: Exception) -> bool:
    return isinstance(error, MENDABLE) or FOREIGN in str(error)


def sentence(error: BaseException) -> str:
    """What a user reads: the innermost reason, and the nearest known names for an unknown one."""
    text = str(error).strip()
    if FOREIGN in text:
        return "launcher=pool is for searches; with -m use launcher=joblib, which is for both"
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (.+)", text)
        cause = str(error.__cause__).strip()
        return f"{key.group(1)}: {cause}" if key else cause
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        extra = EXTRAS.get(name) if group == "hydra/launcher" else None
        mend = f"Install it with pip install 'uniads[{extra}]'." if extra else _near(name, error.options)
        return f"there is no {group} {name!r}; there are {', '.join(error.options)}. {mend}".strip()
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        node = error.__cause__.parent_node
        known = [str(key) for key in node] if isinstance(node, DictConfig) else []
        text = f"{text} {_near(str(error.__cause__.key), known) or 'There are: ' + ', '.join(known)}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _near(name: str, known: Sequence[str]) -> str:
    """The known names that look like a name."""
    near = get_close_matches(name, known, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else ""
