"""The YAML files under ``conf/`` are the registry: an option exists because its file exists."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from uniads.error import UnknownNameError, UserError, unknown


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


def option_facts(group: str, option: str) -> dict[str, Any]:
    """What an option's file holds, as plain values; references are not resolved.

    Raises:
        UnknownNameError: the group or the option does not exist; the message lists what does.
    """
    import yaml

    known = options(group)
    if option not in known:
        raise unknown(group, option, known)
    facts: dict[str, Any] = yaml.safe_load((conf_dir() / group / f"{option}.yaml").read_text(encoding="utf-8")) or {}
    return facts


def build(group: str, option: str, /, **overrides: Any) -> Any:
    """Instantiate an option from Python: ``build("model", "wrn_16_2", num_classes=100)``.

    Keys are those of the command line below the option: ``build("distiller", "kd", **{"logits.tau": 8})``, or by node,
    ``logits={"tau": 8}``, or another option, ``**{"distance@logits.distance": "l2"}``.

    Args:
        group: a config group, such as ``"model"``, ``"transform"`` or ``"distiller"``.
        option: one of ``options(group)``.
        overrides: values of the option's file, and arguments of its class, that replace others.

    Returns:
        The object that the option's ``_target_`` names.

    Raises:
        UnknownNameError: the group, the option or a key does not exist; the message lists what does.
        UserError: it can't be made with these values.
    """
    option_facts(group, option)
    name = f"{group} {option}"
    places = {key: str(value) for key, value in overrides.items() if "@" in key}
    values = {key: value for key, value in overrides.items() if "@" not in key}
    for place, chosen in places.items():
        option_facts(place.partition("@")[0], chosen)

    from hydra.errors import HydraException, InstantiationException
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from uniads.signature import check_keys, nest

    try:
        moved = [f"{key.replace('@', '@built.', 1)}={value}" for key, value in places.items()]
        config = compose("train", [f"+{group}@built={option}", *moved]).built
        check_keys(config, values, name)
        nested, entries = nest(config, values)
        for key, value in entries.items():
            OmegaConf.update(config, key, value)
        return instantiate(config, **nested)
    except InstantiationException as error:
        cause = error.__cause__ or error
        kind = type(cause) if isinstance(cause, UserError) else UserError
        raise kind(f"{name}: {' '.join(str(cause).split())}") from cause
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"{name}: {' '.join(str(error).split())}") from error


def compose(root: str, overrides: Sequence[str]) -> Any:
    """The configuration of a command, as Hydra composes it; also inside another Hydra application.

    Args:
        root: a file in ``conf/``, such as ``"train"``.
        overrides: as on the command line. ``hydra.*`` are among the configuration's keys.

    Returns:
        An OmegaConf ``DictConfig`` with a node ``hydra``.
    """
    import hydra

    with other_hydra_put_aside(), hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose(root, list(overrides), return_hydra_config=True)


@contextmanager
def other_hydra_put_aside() -> Iterator[None]:
    """Hydra knows one application a process: the one that runs is put aside and comes back."""
    from hydra.core.global_hydra import GlobalHydra

    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = outer
