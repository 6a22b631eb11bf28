"""How strongly RandAugment changes an image."""

from collections.abc import Sequence

from uniads.error import UserError

MAGNITUDES = 30
"""The largest magnitude of RandAugment."""


def check_operations(name: str, given: Sequence[int] | None) -> tuple[int, int] | None:
    """Operations and magnitude of RandAugment, or None for none.

    Args:
        name: of the setting.
        given: its value.

    Raises:
        UserError: these are no number of operations above 0 and no magnitude from 0 to 30.
    """
    if given is None:
        return None
    if len(given) != 2 or given[0] < 1 or not 0 <= given[1] <= MAGNITUDES:
        raise UserError(
            f"{name} must be null, or a number of operations above 0 and a magnitude from 0 to {MAGNITUDES}, such as "
            f"[2, 9], got {list(given)}"
        )
    return given[0], given[1]
