"""The YAML files under ``conf/`` are the registry: an option exists because its file exists."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from uniads.error import UnknownNameError


def conf_dir() -> Path:
    """The folder ``conf/``: inside the package in an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def options(group: str) -> tuple[str, ...]:
    """Names of the options of a config group, sorted.

    Args:
        group: a folder under ``conf/``, such as ``"transform"``.

    Raises:
        UnknownNameError: there is no such group, or it holds no option.
    """
    folder = conf_dir() / group
    names = tuple(sorted(file.stem for file in folder.glob("*.yaml")))
    if not names:
        groups = sorted(path.name for path in conf_dir().iterdir() if path.is_dir())
        raise UnknownNameError(f"no config group {group!r}; the groups are: {', '.join(groups)}")
    return names


def build(group: str, option: str, **overrides: Any) -> Any:
    """Instantiate an option from Python: ``build("model", "wrn_16_2", num_classes=100)``.

    Args:
        group: a config group, such as ``"model"``, ``"transform"`` or ``"distiller"``.
        option: one of ``options(group)``.
        overrides: arguments of the option's class that replace the values of its YAML file.

    Returns:
        The object that the option's ``_target_`` names.

    Raises:
        UnknownNameError: the group or the option does not exist; the message lists what does.
    """
    known = options(group)
    if option not in known:
        near = get_close_matches(option, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownNameError(f"no {group} {option!r}; allowed: {', '.join(known)}.{hint}")

    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=[f"+{group}@built={option}"])
    return instantiate(config.built, **overrides)
