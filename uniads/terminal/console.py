"""The console that every command prints on."""

from rich.console import Console


def build_console() -> Console:
    """A console that prints texts as they are: brackets and colons in a path or a name are no markup and no emoji."""
    return Console(markup=False, emoji=False, highlight=False)
