"""The check of a command's configuration: what does not fit ends in one sentence with its key."""

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, MissingMandatoryValue, OmegaConfBaseException
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from uniads.error import UnknownNameError, UserError, did_you_mean
from uniads.options import conf_dir
from uniads.schema.evaluation import Evaluation
from uniads.schema.kinds import ALLOWED
from uniads.schema.reading import Comparison, Export, Report
from uniads.schema.search import Search, Searching, Sweeping
from uniads.schema.section import MISSING, REFUSED, UNKNOWN, Section
from uniads.schema.training import Training

SCHEMAS: Mapping[str, type[Section]] = {
    "train": Training,
    "search": Searching,
    "sweep": Sweeping,
    "evaluate": Evaluation,
    "compare": Comparison,
    "export": Export,
    "report": Report,
}
"""What each command's configuration may be."""

NOT_GIVEN = object()
REFERENCE = re.compile(r"\$\{(?:oc\.select:)?\s*([A-Za-z_]\w*)")
LONGEST = 80
"""Characters of a value that are shown."""

Place = tuple[str | int, ...]
Lost = dict[Place, UserError]
"""References that lead nowhere, by the places of their keys."""


def check(command: str, cfg: DictConfig) -> None:
    """Check a composed configuration.

    A key of a user's own at the root is allowed where another key refers to it.

    Args:
        command: the configuration's root, such as ``"train"``.
        cfg: the configuration; its node ``hydra`` is Hydra's own business.

    Raises:
        UserError: a key is unknown or missing, or a value is not what its key means, or a reference leads nowhere.
    """
    schema = SCHEMAS[command]
    read = {name for key in cfg if key != "hydra" for name in REFERENCE.findall(str(cfg._get_node(key)))}
    lost: Lost = {}
    values = read_plain(cfg, lost)
    known = {key: each for key, each in values.items() if key in schema.model_fields or key not in read}
    validate(schema, known, cfg, lost)


def check_search(cfg: DictConfig) -> None:
    """Check the node ``search`` of a configuration that has nothing else of a search.

    Raises:
        UserError: as ``check``.
    """
    lost: Lost = {}
    validate(Search, read_plain(cfg.search, lost, ("search",)), cfg, lost, ("search",))


def read_plain(node: Any, lost: Lost, place: Place = ()) -> Any:
    """A node as plain values, references resolved, without the keys that are not given and without Hydra's.

    Args:
        node: of a configuration.
        lost: gets the references that lead nowhere.
        place: where the node stands.
    """
    if isinstance(node, ListConfig):
        return [
            read_plain(_read(node, position, lost, place), lost, (*place, position)) for position in range(len(node))
        ]
    if not isinstance(node, DictConfig):
        return node
    found = {str(key): _read(node, key, lost, place) for key in node if place or key != "hydra"}
    return {key: read_plain(each, lost, (*place, key)) for key, each in found.items() if each is not NOT_GIVEN}


def _read(node: DictConfig | ListConfig, key: Any, lost: Lost, place: Place) -> Any:
    try:
        return node[key]
    except (MissingMandatoryValue, InterpolationToMissingValueError):  # or a reference to one
        return NOT_GIVEN
    except OmegaConfBaseException as error:
        said = str(error).splitlines()[0]
        at = (*place, str(key))
        lost[at] = UserError(f"{'.'.join(map(str, at))} can't be resolved: {said}")
        return NOT_GIVEN


def validate(schema: type[Section], values: Any, cfg: DictConfig, lost: Lost, above: Place = ()) -> None:
    """Validate values; a key whose reference leads nowhere is not told to be missing.

    Raises:
        UserError: something does not fit.
    """
    errors: list[ErrorDetails] = []
    try:
        schema.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    found = [(above + tuple(each["loc"]), each) for each in errors]
    found = [(place, each) for place, each in found if each["type"] != MISSING or place not in lost]
    if found:
        # The key that a user wrote, not one that refers to it.
        place, first = min(found, key=lambda pair: _is_reference(cfg, pair[0]))
        raise _explain(place, first)
    if lost:
        raise next(iter(lost.values()))


def _is_reference(cfg: DictConfig, place: Place) -> bool:
    """Whether the value at a place is what another key says."""
    node: Any = cfg
    try:
        for step in place[:-1]:
            node = node[step]
        return bool(place) and OmegaConf.is_config(node) and OmegaConf.is_interpolation(node, place[-1])
    except (OmegaConfBaseException, LookupError, TypeError, AttributeError):
        return False


def _explain(place: Place, error: ErrorDetails) -> UserError:
    """The sentence of an error."""
    key, kind = ".".join(map(str, place)), str(error["type"])
    context: dict[str, Any] = error.get("ctx", {})
    if kind == ALLOWED:
        sentence = f"{key} must be {context['allowed']}, got {show_value(error['input'])}"
        return UserError(_join("; ", sentence, context["advice"]))
    if kind == UNKNOWN:
        known, name = context["known"], _join(".", key, context["key"])
        there = f"{key or 'this command'} has {', '.join(known)}."
        return UnknownNameError(f"there is no key {name!r}; {there} {did_you_mean(context['key'], known)}".strip())
    if kind == MISSING:
        none = f"; {key}=none leaves it out" if (conf_dir() / key / "none.yaml").exists() else ""
        return UserError(f"{key} is missing, and is needed: remove ~{key}, or give it a value{none}")
    if kind == REFUSED:
        return UserError(_join(" ", _join(".", key, context["key"]), context["text"]))
    return UserError(f"{key} can't be {show_value(error['input'])}: {error['msg']}")


def _join(between: str, *texts: str) -> str:
    return between.join(text for text in texts if text)


def show_value(value: Any) -> str:
    """A value as a user writes it; text in quotes, so that 'no' is seen to be one."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
