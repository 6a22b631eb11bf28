"""What a file may say of the objects that are made: files come from anywhere, configuration from its user.

A checkpoint names its network, and a ledger's header the overrides of its search. Out of a file only parts of this
package are made, and named networks of torchvision and timm; whatever else it asks for is refused before anything runs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.utils import get_object

from uniads.error import UserError
from uniads.model.base import Network
from uniads.model.connected import CONNECTED, Connected
from uniads.options import conf_dir, option_facts, options

PARTS = ("model", "transform", "distance", "distiller", "node", "also")
"""Groups whose targets a ledger may name."""

BORROWED = ("uniads.model.torchvision.torchvision", "uniads.model.timm.timm")
"""Functions that make networks of other libraries by their names."""

TEXTS = ("name", "weights", "features", "embedding")
"""Arguments of ``BORROWED`` that are texts or lists of them. Others could name a file or an address."""

NAME = re.compile(r"\w[\w-]*")
"""What an option can be called."""

DEEPEST = 4
"""Lists within lists that a network's configuration may have."""

UNFIT = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a network's class raises for values that it can't take."""

Plain = str | int | float | bool | None


def build_saved_network(file: Path, facts: Any, shape: Mapping[str, int]) -> Network:
    """The network that a file says it holds, with fresh weights.

    Args:
        file: for messages.
        facts: its configuration, as the file has it.
        shape: ``num_classes`` and ``in_channels``.

    Raises:
        UserError: it is no network of this package, torchvision or timm, or can't be made with these values.
    """
    target, values = _check_network(file, facts)
    try:
        network: Network = get_object(target)(**{**values, **shape})
    except UserError as error:
        raise type(error)(f"{file}, network {target}: {error}") from None
    except UNFIT as error:
        raise _unfit(file, target, error) from None
    return network


def connect_saved_network(file: Path, body: Network, facts: Any, num_classes: int) -> Network:
    """The connected student that a file says it holds, with fresh weights; the body where it says nothing.

    Args:
        file: for messages.
        body: the network that is connected.
        facts: how, as the file has it; None where it is not.
        num_classes: of the classifier.

    Raises:
        UserError: these are no values that a connected student can have.
    """
    if facts is None:
        return body
    try:
        return Connected(body, **_check_connection(facts), num_classes=num_classes)
    except UserError as error:
        raise type(error)(f"{file}, {CONNECTED}: {error}") from None
    except UNFIT as error:
        raise _unfit(file, Connected.__name__, error) from None


def _check_connection(facts: Any) -> dict[str, Any]:
    """How a student is connected, in values of the right types.

    Raises:
        UserError: something is missing, too much or of another type.
    """
    kinds = {"channels": int, "width": int, "size": list, "bias": bool, "factor": int}
    if isinstance(facts, Mapping) and facts.keys() == kinds.keys():
        size = facts["size"]
        plain = all(type(facts[name]) is kind for name, kind in kinds.items())
        if plain and len(size) == 2 and all(type(side) is int for side in size):
            return {str(name): value for name, value in facts.items()}
    raise UserError(
        "it must say channels, width and factor in whole numbers, size in two of them, and bias as true or false; "
        "fetch or make the file anew"
    )


def _unfit(file: Path, target: str, error: BaseException) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        f"{file} gives {target} values that no network can have ({reason[:200]}); fetch or make the file anew, or name "
        "the network: +model@model=NAME"
    )


def _check_network(file: Path, facts: Any) -> tuple[str, dict[str, Any]]:
    """The target of a network and its plain arguments."""
    if not isinstance(facts, Mapping) or not all(isinstance(name, str) for name in facts):
        raise UserError(f"{file} has no configuration of its network; name the network: +model@model=resnet110")
    target = facts.get("_target_")
    if not isinstance(target, str) or target not in _network_targets():
        raise UserError(
            f"{file} says that {str(target)[:100]!r} makes its network, and because a file says so only networks of "
            "uniads and named ones of torchvision and timm are made; if it is yours, name it: +model@model=NAME, with "
            "--config-dir=DIR for a folder of your own"
        )
    values = {name: value for name, value in facts.items() if name != "_target_"}
    for name, value in values.items():
        texts = target not in BORROWED or name in TEXTS
        if name.startswith("_") or not _is_plain(value, texts):
            raise UserError(
                f"{file} has {name[:100]!r} in the configuration of its network, which must be a plain number, text or "
                "list; name the network: +model@model=NAME"
            )
    return target, values


@cache
def _network_targets() -> frozenset[str]:
    return frozenset(str(option_facts("model", option)["_target_"]) for option in options("model"))


def _is_plain(value: Any, texts: bool, depth: int = 0) -> bool:
    """Whether a value is a number, a truth value, None, a text without references, or a list of such."""
    if isinstance(value, list | tuple):
        return depth < DEEPEST and all(_is_plain(entry, texts, depth + 1) for entry in value)
    if isinstance(value, str):
        return texts and "${" not in value
    return value is None or isinstance(value, int | float)


def check_overrides(file: Path, overrides: Sequence[str], loader: ConfigLoader) -> None:
    """Check the overrides in a ledger before a configuration is composed of them.

    Args:
        file: the ledger, for messages.
        overrides: of its header and a trial.
        loader: knows the options of each group.

    Raises:
        UserError: one changes how Hydra works, leaves the known options, refers to something, or names what is no part
            of this package.
    """
    for text in overrides:
        try:
            (override,) = OverridesParser.create().parse_overrides([text])
            reason = _find_fault(override, text, loader)
        except (HydraException, ValueError, RecursionError) as error:
            reason = f"it is no override: {(str(error).splitlines() or [''])[0]}"
        if reason:
            shown = text if len(text) <= 120 else f"{text[:120]}..."
            raise UserError(
                f"{file} holds the override {shown!r}, which is not used because a file says so ({reason}); if the "
                "search is yours, put that into a file of a folder of your own and search with --config-dir=DIR"
            )


def _find_fault(override: Override, text: str, loader: ConfigLoader) -> str:
    """Why an override of a file is refused; empty if it is not."""
    key = override.key_or_group
    steps = key.replace("/", ".").replace("@", ".").split(".")
    if steps[0] == "hydra" or override.is_sweep_override() or ".." in key:
        return "it changes how the configuration is composed"
    if "${" in text:
        return "it refers to something else"
    if override.is_delete():
        return ""
    value = override.value()
    known = loader.get_group_options(key)
    if known:
        chosen = value if isinstance(value, list) else [value]
        # A plain name that is no option can't be composed and does no harm; another one might leave the folder.
        unknown = [each for each in chosen if each is not None and str(each) not in known]
        if strange := [each for each in unknown if not NAME.fullmatch(str(each))]:
            return f"{str(strange[0])[:80]!r} is no option of {key}"
    for name, entry in _walk(steps[-1], value):
        if name == "_target_" and str(entry) not in _part_targets():
            return f"{str(entry)[:80]!r} is no part of uniads"
        if name.startswith("_") and name != "_target_":
            return f"{name[:80]!r} changes how objects are made"
    return ""


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A name with its value, and all names inside of it."""
    yield name, value
    if isinstance(value, Mapping):
        for inner, entry in value.items():
            yield from _walk(str(inner), entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _walk("", entry)


@cache
def _part_targets() -> frozenset[str]:
    """The targets in the options of ``PARTS``, as this package ships them."""
    files = [file for group in PARTS for file in (conf_dir() / group).glob("*.yaml")]
    contents = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    return frozenset(str(entry) for content in contents for name, entry in _walk("", content) if name == "_target_")
