"""From the configured space to the one that is searched: options listed, illegal values and oversized students out."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

import torch
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from uniads.bridge.warm_start import WarmStart
from uniads.distiller.legal import NodeRule
from uniads.error import UserError
from uniads.model.base import Network, count_params
from uniads.search.space import Point, SearchSpace, Value
from uniads.transform.base import Transform

EVERY = "*"


def space_for(
    cfg: DictConfig, shared: DictConfig, loader: ConfigLoader, fixed: set[str], shape: Mapping[str, int]
) -> SearchSpace:
    """The search space of a configuration.

    Args:
        cfg: of the search command.
        shared: what all candidates share, the space's ``base`` applied.
        loader: finds the options of a group, those in ``--config-dir`` included.
        fixed: keys that the command line sets; they are no genes.
        shape: ``num_classes`` and ``in_channels`` of the data.

    Raises:
        UserError: a key has no value, or fewer than two candidates are left.
    """
    genes = student_genes(cfg.space.genes, shared.student) if cfg.space.get("student") else {}
    free = {key: values for key, values in {**genes, **cfg.space.dimensions}.items() if not _set(key, fixed)}
    listed = {key: _listed(key, values, loader) for key, values in free.items()}
    rules = _rules(shared.distiller, listed, loader)
    dimensions = {}
    for key, values in listed.items():
        for rule in rules:
            values = rule.allowed(key, values)
        if not values:
            raise UserError(f"space.dimensions lists no value that {key!r} can take; add one, or remove the key")
        dimensions[key] = values
    warm = warm_start_for(cfg, shared, loader, fixed)
    dimensions = warm.dimensions() | dimensions

    def repair(point: Point) -> Point:
        for rule in rules:
            point = rule.repair(point, dimensions)
        return point

    cap = _cap(_limit(cfg.search.max_params, shared, shape), shared.student, shape)
    switches = [*warm.switches(dimensions), *(switch for rule in rules for switch in rule.switches(dimensions))]
    space = SearchSpace(dimensions, repair, cap, switches, list(warm.dimensions()))
    if space.size < 2:
        raise UserError("the search space has one point; give at least one key of space.dimensions two values")
    return space


def warm_start_for(cfg: DictConfig, shared: DictConfig, loader: ConfigLoader, fixed: set[str]) -> WarmStart:
    """The published distillers that a search begins with; arguments as in ``space_for``."""
    known = loader.get_group_options("distiller")
    return WarmStart.of(cfg.search.warm_start, shared.hydra.runtime.choices.distiller, known, "distiller" in fixed)


def student_genes(genes: Mapping[str, Any], student: DictConfig) -> dict[str, Any]:
    """The values of the student's keys that are searched; a key that is a list in the student gives one for each entry.

    A student that has none of the keys, such as a network of another library, is fixed: it has no genes.

    Args:
        genes: values by key of the student; None for a key that is not searched.
        student: the configured student.

    Raises:
        UserError: the student has some of the keys but not all.
    """
    known = [key for key in genes if key in student]
    if unknown := [key for key in genes if key not in student]:
        if not known:
            return {}
        has = ", ".join(str(key) for key in student if key != "_target_")
        raise UserError(f"space.genes lists {unknown[0]!r}, which the student does not have; it has {has}")
    dimensions = {}
    for key in known:
        entries = range(len(student[key])) if OmegaConf.is_list(student[key]) else None
        names = [f"student.{key}"] if entries is None else [f"student.{key}.{entry}" for entry in entries]
        dimensions.update({name: genes[key] for name in names if genes[key] is not None})
    return dimensions


def _set(key: str, fixed: set[str]) -> bool:
    """Whether the command line sets a key, or the whole that it is part of."""
    return any(key == name or key.startswith(f"{name}.") for name in fixed)


def _listed(key: str, values: Any, loader: ConfigLoader) -> list[Value]:
    """The values of a dimension; ``*`` stands for every option of the key's group."""
    if "@" not in key:
        return [values] if isinstance(values, str | int | float) else list(values)
    group = key.split("@")[0]
    known = loader.get_group_options(group)
    if values == EVERY:
        return list(known)
    for value in values:
        if value not in known:
            near = get_close_matches(str(value), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(f"space.dimensions: {value!r} is no {group}; there are {', '.join(known)}{hint}")
    return list(values)


def _rules(distiller: DictConfig, listed: dict[str, list[Value]], loader: ConfigLoader) -> list[NodeRule]:
    """One rule for each node that the space varies."""
    names = sorted({str(v) for key, values in listed.items() if key.startswith("transform@") for v in values})
    ranks = _ranks([*names, "identity"], loader) if names else {}
    nodes = {str(name): node for name, node in distiller.items() if isinstance(node, DictConfig) and "source" in node}
    return [NodeRule(f"distiller.{name}", node.source, ranks) for name, node in nodes.items()]


def _ranks(names: list[str], loader: ConfigLoader) -> dict[str, dict[int, int]]:
    """What each transform takes and returns, from its class."""
    picks = [f"+transform@every.{name}={name}" for name in dict.fromkeys(names)]
    every = loader.load_configuration("train", picks, RunMode.RUN).every
    return {str(name): _ranks_of(get_class(node._target_)) for name, node in every.items()}


def _ranks_of(transform: type) -> dict[int, int]:
    if not issubclass(transform, Transform):
        raise UserError(f"{transform.__name__} stands in the transform group but is no Transform")
    return transform.ranks


def _limit(limit: int | str | None, shared: DictConfig, shape: Mapping[str, int]) -> int | None:
    """The cap on a student's parameters as a number.

    Raises:
        UserError: it is neither null, nor ``teacher``, nor ``pair``, nor above 0.
    """
    if limit in ("teacher", "pair"):
        return student_params(shared.teacher.model if limit == "teacher" else shared.student, {}, shape)
    if limit is not None and (isinstance(limit, str) or limit <= 0):
        raise UserError(f"search.max_params must be null, teacher, pair, or a number above 0, got {limit!r}")
    return limit


def _cap(limit: int | None, student: DictConfig, shape: Mapping[str, int]) -> Callable[[Point], bool] | None:
    """Whether a point's student has at most ``search.max_params`` parameters; nothing is trained to find out."""
    if limit is None:
        return None

    @cache
    def params(genes: tuple[tuple[str, Value], ...]) -> int:
        return student_params(student, dict(genes), shape)

    return lambda point: params(tuple(item for item in point.items() if item[0].startswith("student."))) <= limit


def student_params(student: DictConfig, point: Point, shape: Mapping[str, int]) -> int:
    """Parameters of the student that a point describes; see ``student_at``."""
    with torch.device("meta"):
        return count_params(student_at(student, point, shape))


def student_at(student: DictConfig, point: Point, shape: Mapping[str, int]) -> Network:
    """The student that a point describes, untrained.

    Args:
        student: the configured student.
        point: values by override key; those under ``student.`` count.
        shape: ``num_classes`` and ``in_channels``.
    """
    varied = OmegaConf.create(OmegaConf.to_container(student, resolve=True))
    for key, value in point.items():
        if key.startswith("student."):
            OmegaConf.update(varied, key.removeprefix("student."), value)
    network: Network = instantiate(varied, **shape)
    return network
