"""Which keys may be genes: those that a training has, and that a search does not set itself."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from uniads.error import UnknownNameError, UserError, did_you_mean, unknown

SHOWN = 3
"""Keys that a message lists."""

SEEDS = "every candidate has a seed of its own and the same images; search.seed and data.seed set them for the search"
LENGTH = "the schedule says how long a candidate is trained: search.schedule and search.rungs"
PLACES = "the search gives every candidate a folder of its own"
QUIET = "a candidate is trained quietly, validated once and never tested"
JUDGED = "all candidates are judged in one way; statistics=... sets it for the search"
PRECISION = "all candidates compute in one precision; dtype=... sets it for the search"
LAUNCH = "it says how the search runs, not what a candidate is"

SET: Mapping[str, str] = {
    "seed": SEEDS, "data.seed": SEEDS,
    "epochs": LENGTH, "stop_epoch": LENGTH,
    "paths": PLACES, "teacher_store": PLACES,
    "test": QUIET, "trial": QUIET, "logger": QUIET, "callback": QUIET, "data.holdout": QUIET,
    "statistics": JUDGED, "dtype": PRECISION,
    "hydra": LAUNCH, "hydra/launcher": LAUNCH, "launcher": LAUNCH, "search": LAUNCH, "space": LAUNCH, "final": LAUNCH,
    "report": LAUNCH, "sweep": LAUNCH, "algorithm": LAUNCH, "schedule": LAUNCH, "pair": LAUNCH, "threads": LAUNCH,
    "experiment": LAUNCH, "debug": LAUNCH,
}  # fmt: skip
"""Keys that a search sets for its candidates, or that mean nothing to them, and why."""


def check_genes(genes: Collection[str], base: Sequence[str], shared: DictConfig) -> None:
    """Check the keys of a space.

    Args:
        genes: the keys of its dimensions that the command line leaves free.
        base: overrides that all candidates share.
        shared: the configuration that all candidates share.

    Raises:
        UserError: the search sets a key itself, or a training has no such key.
    """
    for where, key in [*(("space.dimensions", each) for each in genes), *(("space.base", each) for each in base)]:
        name = key.partition("=")[0].lstrip("+")
        for step in (name, *(name[:end] for end, sign in enumerate(name) if sign in ".@")):
            if step in SET:
                raise UserError(f"{where} can't set {key!r}: {SET[step]}; remove it")
    homeless = [key for key in genes if not _has_place(key, shared)]
    if not homeless:
        return
    distiller = shared.hydra.runtime.choices.distiller
    lost = [key for key in homeless if key.partition("=")[0].rpartition("@")[2].startswith("distiller.")]
    if len(lost) > 1:
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise UserError(
            f"{len(lost)} of the space's {len(genes)} genes have no place with distiller={distiller}: "
            f"{', '.join(lost[:SHOWN])}{more}; leave the distiller to the space, or take a space without them, such as "
            "space=architecture"
        )
    known = dict.fromkeys([*map(str, shared.hydra.runtime.choices), *_list_keys(shared)])
    near = did_you_mean(homeless[0], known)
    raise UnknownNameError(f"space.dimensions lists {homeless[0]!r}, and a training has no such key. {near}".strip())


def _has_place(key: str, shared: DictConfig) -> bool:
    """Whether a training has a key; one behind a plus sign needs only what it is added to."""
    name = key.lstrip("+")
    if name in shared.hydra.runtime.choices:
        return True
    if "@" in name:
        return key != name
    above, _, last = name.rpartition(".")
    place = OmegaConf.select(shared, above) if above else shared
    if OmegaConf.is_list(place):
        return last.isdigit() and int(last) < len(place)
    return OmegaConf.is_dict(place) and (key != name or last in place)


def _list_keys(cfg: DictConfig, above: str = "") -> list[str]:
    """Every key of a configuration, as a user writes it."""
    keys = []
    for name in map(str, cfg):
        if above or name != "hydra":
            keys.append(f"{above}{name}")
            node = cfg._get_node(name)  # as it is written; what a value refers to is no key of its own
            if isinstance(node, DictConfig) and not OmegaConf.is_missing(cfg, name):
                keys += _list_keys(node, f"{above}{name}.")
    return keys


def check_named_keys(space: Mapping[str, Any], listed: Collection[str], shared: DictConfig) -> None:
    """Check the keys that the centres of a space and ``space.held`` name: each is searched, or one of a training.

    Args:
        space: its configuration.
        listed: the keys of its dimensions.
        shared: the configuration that all candidates share.

    Raises:
        UnknownNameError: one is neither.
    """
    named = {"space.held": space.get("held", [])}
    named |= {f"space.centres.{name}": list(centre) for name, centre in space.get("centres", {}).items()}
    known = {*listed, *shared.hydra.runtime.choices}
    nothing = object()
    for place, keys in named.items():
        for key in keys:
            if key not in known and ("@" in key or OmegaConf.select(shared, key, default=nothing) is nothing):
                raise unknown(f"{place}, key", key, listed, "Such a key is searched, or one of a training.")
