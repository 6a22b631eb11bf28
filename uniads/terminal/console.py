"""The console that every command prints on."""

from collections.abc import Iterable

from rich.console import Console


def build_console() -> Console:
    """A console that prints texts as they are: brackets and colons in a path or a name are no markup and no emoji."""
    return Console(markup=False, emoji=False, highlight=False)


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print texts as they are, a line each; a long one is not broken, so that it can be copied.

    Args:
        console: any.
        lines: without their ends.
    """
    for line in lines:
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
