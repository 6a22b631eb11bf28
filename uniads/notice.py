"""What a user should know and need not mend. Whoever listens hears it, such as a search; else it is logged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import getLogger

log = getLogger(__name__)
_listeners: list[Callable[[str], None]] = []


def notify(text: str) -> None:
    """Say a sentence to the latest listener; without one it is logged as a warning."""
    (_listeners[-1] if _listeners else log.warning)(text)


@contextmanager
def listening(hear: Callable[[str], None]) -> Iterator[None]:
    """Give what is said during the block to a function."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)
