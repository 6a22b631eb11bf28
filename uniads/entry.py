"""Starts a command by its name.

By name, because some entry points, such as ``uniads.search``, lie in packages that import nothing from above.
"""

from importlib import import_module


def start(name: str) -> None:
    """Run the command ``python -m uniads.<name>`` on the arguments of this process."""
    import_module("uniads.command.run").run(name)
