"""What a search's command line says in vain: settings that nothing reads, and keys that the search itself sets."""

import re
from collections.abc import Iterable, Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from uniads.error import UserError

SHARED = ("population", "offspring", "rungs", "quotas", "crossover", "mutation")
"""Keys of ``search`` that are there for algorithms and schedules to refer to."""

REFERENCE = re.compile(r"\$\{search\.(\w+)\}")

SET: Mapping[str, str] = {
    "trial": "what a search trains are trials, but for the final training",
    "test": "candidates are never tested, and the final training always is; final=false leaves that out",
}
"""Keys of a training that a search sets itself, wherever they come from."""


def check_search_command(cfg: DictConfig, task: Sequence[str]) -> None:
    """Refuse what does nothing on a search's command line.

    Args:
        cfg: composed from ``conf/search.yaml``, checked.
        task: the overrides on the command line, without Hydra's own.

    Raises:
        UserError: a key has no effect, or a population is larger than the search.
    """
    given = [
        override.get_key_element().lstrip("+~") for override in OverridesParser.create().parse_overrides(list(task))
    ]
    for key in given:
        if key in SET:
            raise UserError(f"{key} does nothing here: {SET[key]}; remove it")
    check_ignored(cfg.search, given)
    if "population" in find_read(cfg.search) and cfg.search.population > cfg.search.candidates:
        raise UserError(
            f"search.population={cfg.search.population} is larger than search.candidates={cfg.search.candidates}; "
            "lower the first or raise the second"
        )


def check_ignored(search: DictConfig, given: Iterable[str]) -> None:
    """Refuse settings that the chosen algorithm and schedule do not read.

    Args:
        search: the node ``search``.
        given: keys that a user has set.

    Raises:
        UserError: a key does nothing.
    """
    read = find_read(search)
    for key in given:
        group, _, name = key.partition(".")
        own = name.split(".")[0]
        if group == "search" and own in SHARED and own not in read and not _agrees(search, own, read):
            raise UserError(
                f"{key} does nothing here: neither {_name(search.algorithm)} nor {_name(search.schedule)} reads it; "
                f"they read {', '.join(_list_keys(search, read)) or 'no such key'}"
            )


def _agrees(search: DictConfig, key: str, read: set[str]) -> bool:
    """Whether a key says once more what another one says: the size of a generation is the first quota, too."""
    return key == "offspring" and "quotas" in read and search.quotas[0] == search.offspring


def find_read(search: DictConfig) -> set[str]:
    """The shared keys that the algorithm and the schedule refer to, or that such a key refers to."""
    facts = OmegaConf.to_container(search, resolve=False)
    assert isinstance(facts, dict)
    read = set(REFERENCE.findall(str((facts["algorithm"], facts["schedule"]))))
    while more := {name for key in read for name in REFERENCE.findall(str(facts.get(key)))} - read:
        read |= more
    return read


def _list_keys(search: DictConfig, read: set[str]) -> list[str]:
    """The keys that can be set, as a user writes them."""
    own = [
        f"search.{part}.{key}"
        for part in ("schedule", "algorithm")
        for key in search[part]
        if not str(key).startswith("_") and not OmegaConf.is_interpolation(search[part], key)
    ]
    return [*(f"search.{key}" for key in SHARED if key in read), *own]


def _name(part: DictConfig) -> str:
    return str(part.get("_target_", "")).rpartition(".")[2]
