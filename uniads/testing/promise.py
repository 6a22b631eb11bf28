"""How a promise is judged, and how a broken one is reported."""

from collections.abc import Callable, Iterable
from typing import Any

FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What code raises that can't do what it promises."""


def require(kept: Any, sentence: str) -> None:
    """Raise where a promise is broken.

    Args:
        kept: whether it is kept; a tensor of one truth value will do.
        sentence: what is promised, and what came instead.

    Raises:
        AssertionError: it is not kept.
    """
    if not kept:
        raise AssertionError(sentence)


def judge(promises: Iterable[Callable[..., None]], *args: Any, **kwargs: Any) -> None:
    """Check promises one after the other.

    Args:
        promises: functions that raise an AssertionError where the promise is broken.
        args: given to each.
        kwargs: given to each.

    Raises:
        AssertionError: of the first broken promise. An error of the judged code counts as one, and is its cause.
    """
    for promise in promises:
        try:
            promise(*args, **kwargs)
        except FAILURES as error:
            claim = (promise.__doc__ or promise.__name__).splitlines()[0]
            raise AssertionError(f"{claim} It raised {type(error).__name__}: {error}") from error
