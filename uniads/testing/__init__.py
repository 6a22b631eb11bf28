"""Contracts that judge parts of your own, as this project's tests judge its options.

One call checks all promises of a part, in a test or in a script; it needs no test framework::

    from uniads.testing import check_transform

    def test_my_transform_keeps_its_promises():
        check_transform(lambda: MyTransform(tau=2.0))

Each check raises an ``AssertionError`` whose sentence says which promise is broken, or returns None. The promises of a
part are functions of their own in its module, such as ``uniads.testing.transform.PROMISES``, so that a test framework
can run them one by one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uniads.testing.algorithm import check_algorithm
    from uniads.testing.data import check_data
    from uniads.testing.distance import check_distance
    from uniads.testing.distiller import check_distiller
    from uniads.testing.network import check_network
    from uniads.testing.transform import check_transform

__all__ = [
    "check_algorithm",
    "check_data",
    "check_distance",
    "check_distiller",
    "check_network",
    "check_transform",
]


def __getattr__(name: str) -> Any:
    """Import a check when it is first used: an algorithm can be judged without torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{name.removeprefix('check_')}"), name)
