"""Every command: Hydra composes, the task runs, and a user's mistake ends in one sentence instead of a stack trace."""

import os
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps

import hydra
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from uniads.options import conf_dir
from uniads.training import hush

FULL = "HYDRA_FULL_ERROR"
Task = Callable[[DictConfig], None]


def command(config_name: str) -> Callable[[Task], Callable[[], None]]:
    """Make a task a command with ``conf/<config_name>.yaml`` as its root.

    Errors that a user can mend are printed as one sentence, with exit code 1; ``HYDRA_FULL_ERROR=1`` shows the stack.
    """

    def decorate(task: Task) -> Callable[[], None]:
        run = hydra.main(config_path=str(conf_dir()), config_name=config_name, version_base="1.3")(task)

        @wraps(task)
        def main() -> None:
            full = os.environ.get(FULL) == "1"
            # Hydra would print its own trace and leave; with this set it hands the error over.
            os.environ[FULL] = "1"
            hush()
            try:
                run()
            except (HydraException, OmegaConfBaseException, ValueError, LookupError, OSError) as error:
                if full:
                    raise
                sys.exit(f"error: {sentence(error)}\n({FULL}=1 shows where it happened.)")
            except KeyboardInterrupt:
                sys.exit("interrupted")

        return main

    return decorate


def sentence(error: BaseException) -> str:
    """What a user reads: the innermost reason, and the nearest known names for an unknown one."""
    text = str(error).strip()
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (.+)", text)
        cause = str(error.__cause__).strip()
        return f"{key.group(1)}: {cause}" if key else cause
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        text = f"{text} {_near_key(error.__cause__)}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def _near_key(error: OmegaConfBaseException) -> str:
    """The keys beside an unknown one that look like it."""
    node = error.parent_node
    known = [str(key) for key in node] if isinstance(node, DictConfig) else []
    near = get_close_matches(str(error.key), known, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}." if known else ""
