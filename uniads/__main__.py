"""uniads COMMAND ARGUMENTS: every command by its name, as ``python -m uniads.COMMAND ARGUMENTS``."""

import sys

from uniads import __version__
from uniads.entry import start
from uniads.error import did_you_mean

COMMANDS = {
    "search": "search a student and its distillation, then train the best in full",
    "train": "train one student: a baseline, or a candidate of a search",
    "evaluate": "measure the accuracy of a saved student or teacher",
    "report": "report on a search, or make the table of trainings",
    "compare": "compare search algorithms on a recorded ledger",
    "sweep": "write W&B sweeps over a search's space, or compare their results",
    "export": "write a search's trials as Optuna studies",
}


def main() -> None:
    """Run the command that the first argument names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--version", "-V"):
        _print_line(f"uniads {__version__}")
    elif name in ("--help", "-h"):
        _print_help()
    elif name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS)
        sys.exit(f"error: there is no command {name!r}; there are {', '.join(COMMANDS)}. {hint}".rstrip())
    else:
        sys.argv = [f"uniads {name}", *arguments]
        start(name)


def _print_help() -> None:
    _print_line("uniads COMMAND [key=value ...]      or: python -m uniads.COMMAND [key=value ...]\n")
    for name, purpose in COMMANDS.items():
        _print_line(f"  {name:<10}{purpose}")
    _print_line("\nuniads COMMAND --help shows a command's keys; uniads --version the version.")


def _print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
