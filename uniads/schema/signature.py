"""What the class that ``_target_`` names takes: the check of keys and values that no section knows.

For a class of this package every key has to be an argument of it, and every value of the type that the argument has. A
class from elsewhere judges its own arguments; it only has to exist.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from hydra.utils import get_object
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from uniads.error import UnknownNameError, UserError, did_you_mean
from uniads.schema.check import show_value
from uniads.schema.section import OURS, TARGET
from uniads.signature import list_arguments

HYDRA = (TARGET, "_partial_", "_convert_", "_recursive_", "_args_")
"""What Hydra reads itself."""

CONFIG = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def check_signature(key: str, facts: Any) -> None:
    """Check what describes an object, and all objects inside of it.

    Args:
        key: where it stands, for messages.
        facts: plain values.

    Raises:
        UserError: a class is not there, or has no such argument, or a value is of another type.
    """
    if isinstance(facts, list):
        for position, each in enumerate(facts):
            check_signature(f"{key}.{position}", each)
    if not isinstance(facts, Mapping):
        return
    if TARGET in facts:
        _check_arguments(key, facts)
    for name, value in facts.items():
        check_signature(f"{key}.{name}", value)


def _check_arguments(key: str, facts: Mapping[str, Any]) -> None:
    target = facts[TARGET]
    if not isinstance(target, str):
        raise UserError(f"{key}.{TARGET} must name a class, got {show_value(target)}")
    found = _find(key, target)
    if not target.startswith(OURS):
        return
    named, others = list_arguments(found)
    for name, value in facts.items():
        if name in HYDRA:
            continue
        if name not in named and others is None:
            raise UnknownNameError(
                f"there is no key {key + '.' + name!r}; {target.rpartition('.')[2]} takes "
                f"{', '.join(named) or 'nothing'}. {did_you_mean(name, named)}".strip()
            )
        _check_value(f"{key}.{name}", value, named.get(name, others))


def _find(key: str, target: str) -> Any:
    try:
        found = _load(target)
    except Exception as error:  # whatever the import of a user's module may raise
        reason = str(error.__cause__ or error).strip().splitlines()
        raise UserError(f"{key}.{TARGET}: {target} can't be imported: {reason[-1] if reason else error!r}") from error
    if not callable(found):
        raise UserError(f"{key}.{TARGET}: {target} is no class and no function")
    return found


@lru_cache(maxsize=1024)
def _load(target: str) -> Any:
    return get_object(target)


def _check_value(key: str, value: Any, kind: Any) -> None:
    """Check a value's type; an object that is still to be made is judged by its class.

    Raises:
        UserError: it is of another type.
    """
    if value == "???":
        raise UserError(f"{key} is not given; add {key}=...")
    if _holds_object(value):
        return
    try:
        _find_validator(kind)(value)
    except ValidationError as error:
        said = list(dict.fromkeys(_say(each) for each in error.errors(include_url=False)))
        raise UserError(f"{key} must be {' or '.join(said)}, got {show_value(value)}") from None


def _holds_object(value: Any) -> bool:
    if isinstance(value, Mapping):
        return TARGET in value or any(_holds_object(each) for each in value.values())
    return isinstance(value, list) and any(_holds_object(each) for each in value)


@lru_cache(maxsize=1024)
def _find_validator(kind: Any) -> Callable[[Any], Any]:
    """What checks a type; a type that can't be checked lets everything pass."""
    try:
        return TypeAdapter(kind, config=CONFIG).validate_python
    except PydanticSchemaGenerationError:
        return repr


WORDS = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "list_type": "a list",
    "sequence_str": "a list",
    "dict_type": "a group of keys",
    "none_required": "null",
    "is_instance_of": "an option",
    "callable_type": "an option",
}
"""What pydantic asks for, in the words of this project's messages."""


def _say(error: Mapping[str, Any]) -> str:
    """What a value has to be."""
    kind = str(error["type"])
    if kind == "literal_error":
        return str(error["ctx"]["expected"])
    if kind == "is_instance_of" and "Sequence" in str(error["ctx"]["class"]):
        return "a list"
    wanted = WORDS.get(kind, str(error["msg"]))
    inside = [step for step in error["loc"] if isinstance(step, int)]
    return f"a list of which entry {inside[0]} is {wanted}" if inside else wanted
