"""Which keys an object's configuration can have: those of its file, and the parameters of its class."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from uniads.error import UserError, unknown

PLAIN = (bool, int, float, str, NoneType)
ANY, OBJECTS, NONE = "any", "objects", "none"
"""What further keywords a class or function takes: every one, objects by names of the caller's choice, or none."""


def check_keys(config: Any, values: Mapping[str, Any], name: str) -> None:
    """Check that an object can take these values.

    Args:
        config: of the object, by OmegaConf.
        values: by key, dotted or nested.
        name: of the object, for the message.

    Raises:
        UnknownNameError: there is no such key; the message says which there are.
        UserError: a plain value is of another type than the class says.
    """
    for key, value in values.items():
        _check(config, key.split("."), value, f"key of {name}", key, list(_known(config, "")))


def _check(node: Any, path: list[str], value: Any, kind: str, key: str, known: list[str]) -> None:
    first, *rest = path
    if _is_list(node):
        if first.isdigit() and int(first) < len(node):
            return
        raise unknown(kind, key, known, f"The list has the entries 0 to {len(node) - 1}.")
    fields = {str(name) for name in node}
    names, more = parameters(node.get("_target_"))
    if first not in fields | set(names):
        grown = not rest and (hasattr(value, "forward") or (isinstance(value, Mapping) and "_target_" in value))
        if more == ANY or first.startswith("_") or (more == OBJECTS and grown):
            return
        ends = [each for each in known if each.rpartition(".")[2] == path[-1]]
        raise unknown(kind, key, known, f"Did you mean {' or '.join(ends)}?" if ends else "")
    child = node._get_node(first) if first in fields else None
    if rest and (_is_list(child) or _is_mapping(child)):
        _check(child, rest, value, kind, key, known)
    elif rest:
        raise unknown(kind, key, known, f"{first} is one value, with no key {rest[0]}.")
    elif _is_mapping(child) and isinstance(value, Mapping) and "_target_" not in value:
        for inner, each in value.items():
            _check(child, str(inner).split("."), each, kind, f"{key}.{inner}", known)
    elif first in names and isinstance(value, PLAIN):
        _check_type(names[first], value, kind, key)


def _check_type(wanted: Any, value: Any, kind: str, key: str) -> None:
    """Check a plain value against an annotation of plain types; a whole number may stand for a float."""
    kinds = set(get_args(wanted)) if isinstance(wanted, UnionType) else {wanted}
    allowed = kinds | ({int} if float in kinds else set())
    if kinds <= set(PLAIN) and type(value) not in allowed and "${" not in str(value):
        names = sorted("null" if each is NoneType else each.__name__ for each in kinds)
        raise UserError(f"the {kind} {key!r} must be of type {' or '.join(names)}, got {value!r}")


def nest(config: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of dotted keys as nested dictionaries, and, by their dotted keys, those that are an entry of a list."""
    nested: dict[str, Any] = {}
    entries: dict[str, Any] = {}
    for key, value in _flatten(values, ""):
        *above, last = key.split(".")
        parent: Any = config
        for step in above:
            parent = parent._get_node(step) if _is_mapping(parent) else None
        if _is_list(parent):
            entries[key] = value
            continue
        place = nested
        for step in above:
            place = place.setdefault(step, {})
        place[last] = value
    return nested, entries


def _flatten(values: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and "_target_" not in value:
            yield from _flatten(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _known(node: Any, before: str) -> Iterator[str]:
    """Every key of a configuration, dotted, and the parameters that its file leaves to the class."""
    names, _ = parameters(node.get("_target_"))
    yield from (f"{before}{name}" for name in sorted(set(names) - {str(key) for key in node}))
    for key in node:
        child = node._get_node(key)  # which may be missing, or refer to what is not here
        if _is_mapping(child):
            yield from _known(child, f"{before}{key}.")
        elif not str(key).startswith("_"):
            yield f"{before}{key}"


def parameters(target: str | None) -> tuple[Mapping[str, Any], str]:
    """What a target takes, by name its type, with what else it takes: ``ANY``, ``OBJECTS`` or ``NONE``."""
    if target is None:
        return {}, NONE
    from hydra.utils import get_object

    names, more = list_arguments(get_object(target))
    return names, {None: NONE, Any: ANY}.get(more, OBJECTS)


@lru_cache(maxsize=1024)
def list_arguments(made: Callable[..., Any]) -> tuple[Mapping[str, Any], Any]:
    """The types of a callable's arguments by name, and the type of any others; None where it takes no others.

    What a class hands on as ``**more: Any`` is taken by the next class above it, up to those of torch.
    """
    if not inspect.isclass(made):
        return _list_own(made)
    names: dict[str, Any] = {}
    for each in inspect.getmro(made):
        if each is object or each.__module__.startswith("torch."):
            break
        if "__init__" in vars(each):
            own, more = _list_own(vars(each)["__init__"])
            names = {**own, **names}
            if more is not Any:
                return names, more
    return names, None


def _list_own(function: Callable[..., Any]) -> tuple[dict[str, Any], Any]:
    hints = get_type_hints(function)
    listed = list(inspect.signature(function).parameters.values())
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {each.name: hints.get(each.name, Any) for each in listed if each.kind in kinds and each.name != "self"}
    more = [hints.get(each.name, Any) for each in listed if each.kind is each.VAR_KEYWORD]
    return names, more[0] if more else None


def _is_list(node: Any) -> bool:
    return type(node).__name__ == "ListConfig"


def _is_mapping(node: Any) -> bool:
    return type(node).__name__ == "DictConfig"
