"""What a command line chooses: options of config groups, by name."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException

from uniads.error import UserError
from uniads.options import conf_dir, options
from uniads.schema.check import show_value


def check_choices(overrides: Sequence[str]) -> None:
    """Check that every group is given the name of an option.

    Hydra's own error for a number or null does not name the group.

    Args:
        overrides: as on the command line; what can't be read is left to Hydra.

    Raises:
        UserError: a group is given something else.
    """
    for override in filter(None, map(_parse, overrides)):
        group, value = override.key_or_group, override.value()
        if override.type is OverrideType.DEL or override.is_sweep_override() or isinstance(value, str | list | dict):
            continue
        if "." in group or not any((conf_dir() / group).glob("*.yaml")):
            continue
        known = options(group)
        none = f"; {group}=none leaves it out" if "none" in known else ""
        raise UserError(
            f"{override.get_key_element()} must be one of {', '.join(known)}, got {show_value(value)}{none}"
        )


def _parse(override: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None
