"""What the trainings of a process share, such as the data set and the teacher: made once, forgotten in one place."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Thing = TypeVar("Thing")


class Cache:
    """The latest objects of each kind, by what they were made from."""

    def __init__(self) -> None:
        self._kinds: dict[str, OrderedDict[Hashable, Any]] = {}

    def get(self, kind: str, key: Hashable, make: Callable[[], Thing], size: int = 1) -> Thing:
        """The object of a kind and key, made on first use.

        Args:
            kind: what it is, such as ``"data"``.
            key: what it was made from.
            make: makes it.
            size: how many objects of the kind are kept, 1 or more; the one that was used least recently goes first.
        """
        kept = self._kinds.setdefault(kind, OrderedDict())
        if key in kept:
            kept.move_to_end(key)
        else:
            while len(kept) >= size:  # before the new one is made, since two teachers may not fit into memory
                kept.popitem(last=False)
            kept[key] = make()
        thing: Thing = kept[key]
        return thing

    def clear(self) -> None:
        """Forget everything."""
        self._kinds.clear()


shared = Cache()
"""The cache of this process."""
