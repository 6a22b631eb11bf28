"""Runs a command: Hydra composes, the command's module works, and a user's mistake ends in one sentence."""

import getpass
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Timer
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from uniads import __version__
from uniads.command.notes import read_notes, restore_notes
from uniads.error import DirectoryError, UserError
from uniads.learner.quiet import hush
from uniads.options import conf_dir
from uniads.schema.check import check
from uniads.schema.choice import check_choices
from uniads.schema.explain import FOREIGN, format_error
from uniads.schema.ignored import check_search_command

FULL = "HYDRA_FULL_ERROR"
MENDABLE = (UserError, HydraException, OmegaConfBaseException, OSError)
"""What a user can mend: wrong inputs, what can't be composed or instantiated, and what the system refuses."""

TRAINING = ("search", "train")
"""Commands that need a student."""
SEARCHING = ("search", "sweep")
"""Commands that make a space and a budget."""

REPORT = (
    "this is a mistake in UniADS, not in what you wrote: please report it with your command, the lines above and the "
    "output of `python -m uniads --version`"
)

Task = Callable[[DictConfig], None]


def run(name: str) -> None:
    """Compose ``conf/<name>.yaml`` and hand it to ``uniads.command.<name>.main``, which is imported only then.

    The configuration is checked before that, so that a wrong key or value is answered before torch is loaded.
    """

    def task(cfg: DictConfig) -> None:
        hush()
        check(name, cfg)
        if name in SEARCHING:
            check_search_command(cfg, HydraConfig.get().overrides.task)
        if name in TRAINING and OmegaConf.is_missing(cfg, "student"):
            raise UserError(
                "student is not chosen; add a pair of networks, such as +pair=wrn40_2-wrn16_2, or +model@student=..."
            )
        import_module(f"uniads.command.{name}").main(cfg)

    if "--version" in sys.argv[1:]:  # which Hydra would answer with its own
        sys.stdout.write(f"uniads {__version__}\n")
        return
    _name_user()
    task.__module__ = f"uniads.command.{name}"  # after which Hydra names the job
    run_task(name, task)


def _name_user() -> None:
    """Name the user for torch, whose caches need a name, where the system has none, as in many containers."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"


def run_task(config_name: str, task: Task) -> None:
    """Run a task with ``conf/<config_name>.yaml`` as its root, overridden by the arguments of this process.

    Errors that a user can mend are printed as one sentence, with exit code 1; ``HYDRA_FULL_ERROR=1`` shows the stack.
    Any other error is a mistake of this package: it is shown with its stack, and with how to report it.
    """
    errors: list[Exception] = []
    notes = read_notes(sys.argv[1:])

    def run_once(cfg: DictConfig) -> None:
        try:
            task(cfg)
        except Exception as error:
            if isinstance(error, DirectoryError):
                restore_notes(Path(HydraConfig.get().runtime.output_dir), notes)
            # Of one run Hydra would print a line of its own first; in a multirun its launcher has to know.
            if HydraConfig.get().mode is not RunMode.RUN:
                raise
            errors.append(error)

    run_once.__module__ = task.__module__
    main = hydra.main(config_path=str(conf_dir()), config_name=config_name, version_base="1.3")(run_once)
    full = os.environ.get(FULL) == "1"
    # Hydra would print its own trace and leave; with this set it hands the error over.
    os.environ[FULL] = "1"
    try:
        with _repeat_dropped_interrupts():
            main()
        if errors:
            raise errors[0]
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except Exception as error:
        if full:
            raise
        error = _find_wrong_choice() or error
        if is_mendable(error):
            sys.exit(f"error: {format_error(error)}\n({FULL}=1 shows where it happened.)")
        traceback.print_exception(error)
        sys.exit(f"\n{REPORT}")


def _find_wrong_choice() -> UserError | None:
    """What is wrong with the groups that the command line chooses from; Hydra's own error names none of them."""
    try:
        check_choices([argument for argument in sys.argv[1:] if not argument.startswith("-")])
    except UserError as error:
        return error
    return None


@contextmanager
def _repeat_dropped_interrupts() -> Iterator[None]:
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


def is_mendable(error: Exception) -> bool:
    """Whether a user can mend what led to an error."""
    return isinstance(error, MENDABLE) or FOREIGN in str(error)
