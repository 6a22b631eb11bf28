"""The border of a search: from its composed configuration to settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from uniads.bridge.dressing import KEY
from uniads.bridge.genes import check_genes, check_named_keys
from uniads.bridge.training_settings import blueprint, make_optional, plain, training_settings
from uniads.distance.base import Distance
from uniads.distiller.base import Distiller
from uniads.error import UserError, unknown
from uniads.search import Algorithm, Rejection, Schedule, Shrinkage, Value
from uniads.search.space import spell
from uniads.settings.blueprint import Blueprint
from uniads.settings.training import TrainingSettings
from uniads.transform.base import LabelTransform, Transform

SEARCH_ONLY = ("search", "space", "final", "report", "plan", "sweep", "launcher", "algorithm", "schedule")
"""Keys of the search command that a single training does not have, or that choose how its jobs are launched."""

SHARED = ("dtype", "statistics", "threads")
"""Keys that a search sets otherwise than a single training does, for all its candidates."""

BASELINES = ("plain", "kd")
"""What ``search.warm_start=auto`` begins with: whoever searches how to distil asks first whether to distil at all."""

EVERY = "*"
"""As the values of a dimension: every option of its group."""


@dataclass(frozen=True)
class SpaceSettings:
    """Where to search.

    Attributes:
        name: option of the group ``space``.
        dimensions: values by override key, without the keys that the command line sets.
        defaults: for each of these keys what it is, or which option is chosen, where no candidate sets it.
        nodes: the kind of knowledge of each node of the distiller that all candidates share.
        ranks: for each transform that the space lists, the ranks that it takes with those that it returns.
        kept: for each of these transforms the ranks of which it leaves every tensor as it is.
        labelled: those of these transforms that look at labels.
        classed: those of these transforms that keep the classes.
        joint: the distances that the space lists and that compare images with each other.
        models: the facts of each network that the space lists for the student.
        centres: values of some keys, by name, near which ``search.prior`` draws.
        held: keys that random draws leave at their first value; draws near a centre and mutation change them.
        base_distiller: the distiller that all candidates have but for those of the warm start.
        distillers: composes a distiller of which a candidate may name the option.
        warm_start: published distillers to begin with.
        max_params: no student above is trained: a number, ``teacher``, ``pair``, or None.
    """

    name: str
    dimensions: Mapping[str, Sequence[Value]]
    defaults: Mapping[str, Any]
    nodes: Mapping[str, str]
    ranks: Mapping[str, Mapping[int, int]]
    kept: Mapping[str, Sequence[int]]
    labelled: Sequence[str]
    classed: Sequence[str]
    joint: Sequence[str]
    models: Mapping[str, Mapping[str, Any]]
    centres: Mapping[str, Mapping[str, Value]]
    held: Sequence[str]
    base_distiller: str
    distillers: Callable[[str], Blueprint[Distiller]]
    warm_start: tuple[str, ...]
    max_params: int | str | None


@dataclass(frozen=True)
class SearchSettings:
    """Everything that a search needs to know.

    Attributes:
        training: what all trainings share, the space's ``base`` applied.
        overrides: that make ``training`` out of ``conf/train.yaml``; a candidate's own come after them.
        launcher: overrides that choose and set the Hydra launcher.
        space: where to search.
        data: option of the group ``data``.
        schedule: the rungs; no higher than the recipe's epochs, unless the command line chose them.
        configured_schedule: the same before its rungs were lowered to the recipe's epochs.
        algorithm: makes the algorithm for a space, a ``start`` and, where it takes one, a ``score``.
        score: makes the score of genomes that the algorithm takes; None where it takes none.
        rejection: of outliers; None for none.
        shrinkage: of sampling weights; None for none.
        measures: what is minimised by name: the number's ``name`` and its ``target``.
        candidates: how many candidates are asked for, above 0.
        max_epochs: after which the search stops; None for no limit.
        max_seconds: likewise.
        max_failures: share of a generation, 0 to 1, above which the search stops.
        confirm: so many contenders are trained again in the end; 0 in a replay, which knows no second trainings.
        prior: share of random draws that lie near a centre, or take a published distiller of the warm start.
        seed: of the search.
        objective: ``train``, or ``replay`` for a recorded ledger.
        ledger: the ledger to replay.
        force: whether to go on with a ledger of other settings.
        final: whether the chosen candidate is trained in full.
        report: whether a report is written.
        plan: whether the command only says what the search would take.
        directory: of this search.
        facts: the group ``search`` as plain values.
        config: the whole configuration as plain values, for a log.

    Raises:
        UserError: a number is out of its range.
    """

    training: TrainingSettings
    overrides: tuple[str, ...]
    launcher: tuple[str, ...]
    space: SpaceSettings
    data: str
    schedule: Schedule
    configured_schedule: Schedule
    algorithm: Callable[..., Algorithm]
    score: Callable[..., Any] | None
    rejection: Rejection | None
    shrinkage: Shrinkage | None
    measures: Mapping[str, Mapping[str, Any]]
    candidates: int
    max_epochs: float | None
    max_seconds: float | None
    max_failures: float
    confirm: int
    prior: float
    seed: int
    objective: str
    ledger: Path | None
    force: bool
    final: bool
    report: bool
    plan: bool
    directory: Path
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    def with_dtype(self, dtype: str) -> "SearchSettings":
        """The same search, all of whose candidates compute in one precision, on whichever machine they are trained."""
        own, new = spell("dtype", self.training.dtype), spell("dtype", dtype)
        overrides = tuple(new if each == own else each for each in self.overrides)
        return replace(self, overrides=overrides, training=replace(self.training, dtype=dtype))

    @property
    def cost(self) -> int:
        """Epochs that the search costs at most."""
        return self.schedule.cost(self.candidates) + self.confirm_cost

    @property
    def confirm_cost(self) -> int:
        """Of these, for second trainings."""
        return self.confirm * self.schedule.rungs[-1].epochs if self.confirm > 1 else 0

    def __post_init__(self) -> None:
        for name in ("candidates", "max_epochs", "max_seconds"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                raise UserError(f"search.{name} must be above 0, got {number}")
        if not 0 <= self.max_failures <= 1:
            raise UserError(f"search.max_failures must be a share from 0 to 1, got {self.max_failures}")
        if self.objective not in ("train", "replay") or (self.objective == "replay") != (self.ledger is not None):
            raise UserError(
                "search.objective must be train, or replay with search.ledger=FILE; "
                f"got {self.objective!r} and {self.facts['ledger']!r}"
            )


def search_settings(cfg: DictConfig, loader: ConfigLoader) -> SearchSettings:
    """The settings of one search.

    Args:
        cfg: composed from ``conf/search.yaml``.
        loader: that composed it; it finds the options of a group, those in ``--config-dir`` included.

    Raises:
        UserError: a value is out of its range, or a name is unknown.
        HydraException: what all trainings share can't be composed, or an object can't be made.
    """
    hydra, search = HydraConfig.get(), cfg.search
    passed = _training_overrides(hydra.overrides.task)
    overrides = [*cfg.space.base, *(str(o.input_line) for o in passed), *(spell(key, cfg[key]) for key in SHARED)]
    shared = loader.load_configuration("train", overrides, RunMode.RUN)
    fixed = frozenset(override.get_key_element().lstrip("+~") for override in passed)
    make = blueprint(search.algorithm, "search.algorithm")()
    schedule = blueprint(search.schedule, "search.schedule")()
    training = training_settings(shared)
    return SearchSettings(
        training=training,
        overrides=tuple(overrides),
        launcher=_launcher_overrides(),
        space=_space_settings(cfg, shared, overrides, loader, fixed),
        data=str(hydra.runtime.choices["data"]),
        schedule=schedule if _chooses_rungs(hydra.overrides.task) else schedule.within(training.schedule_epochs),
        configured_schedule=schedule,
        algorithm=make,
        score=make.keywords.get("score"),
        rejection=make_optional(search.rejection, "search.rejection"),
        shrinkage=make_optional(search.shrinkage, "search.shrinkage"),
        measures=plain(search.measures),
        candidates=search.candidates,
        max_epochs=search.max_epochs,
        max_seconds=search.max_seconds,
        max_failures=search.max_failures,
        confirm=search.confirm if search.objective == "train" else 0,
        prior=search.prior,
        seed=search.seed,
        objective=search.objective,
        ledger=None if search.ledger is None else Path(search.ledger),
        force=search.force,
        final=cfg.final and search.objective == "train",
        report=cfg.report,
        plan=cfg.plan,
        directory=Path(hydra.runtime.output_dir),
        facts=plain(search),
        config=plain(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])),
    )


def _chooses_rungs(task: Sequence[str]) -> bool:
    """Whether the command line says after how many epochs candidates are judged."""
    keys = ("search.rungs", "search.schedule.epochs", "search.schedule.rungs")
    return any(override.lstrip("+").partition("=")[0] in keys for override in task)


def _training_overrides(task: Sequence[str]) -> list[Override]:
    """What the search's command line says of its trainings."""
    given = OverridesParser.create().parse_overrides(list(task))
    return [each for each in given if each.key_or_group.split("/")[0].split(".")[0] not in SEARCH_ONLY]


def _launcher_overrides() -> tuple[str, ...]:
    """The launcher of the search command, for its jobs."""
    hydra = HydraConfig.get()
    prefixes = ("hydra/launcher", "hydra.launcher")
    given = [override for override in hydra.overrides.hydra if override.lstrip("+~").startswith(prefixes)]
    return (f"launcher={hydra.runtime.choices['launcher']}", *given)


def _space_settings(
    cfg: DictConfig, shared: DictConfig, overrides: Sequence[str], loader: ConfigLoader, fixed: frozenset[str]
) -> SpaceSettings:
    raw = {**_student_genes(cfg, shared.student), **plain(cfg.space.dimensions)}
    free = {key: values for key, values in raw.items() if not _is_set(key, fixed, shared.hydra.runtime.choices)}
    check_genes(free, cfg.space.base, shared)
    dimensions = {key: _list_values(key, values, loader) for key, values in free.items()}
    check_named_keys(plain(cfg.space), raw, shared)
    choices = shared.hydra.runtime.choices
    distiller = str(choices.distiller)
    transforms, distances = _make_parts(dimensions, loader)
    return SpaceSettings(
        name=str(HydraConfig.get().runtime.choices["space"]),
        dimensions=dimensions,
        defaults={key: choices.get(key) if "@" in key else OmegaConf.select(shared, key) for key in dimensions},
        nodes={str(k): v.source for k, v in shared.distiller.items() if isinstance(v, DictConfig) and "source" in v},
        ranks={name: transform.ranks for name, transform in transforms.items()},
        kept={name: [rank for rank in each.ranks if each.keeps(rank)] for name, each in transforms.items()},
        labelled=[name for name, transform in transforms.items() if isinstance(transform, LabelTransform)],
        classed=[name for name, transform in transforms.items() if transform.keeps_classes],
        joint=[name for name, distance in distances.items() if not distance.separable],
        models=_model_facts([str(name) for name in dimensions.get("model@student", ())], overrides, loader),
        centres=plain(cfg.space).get("centres", {}),
        held=plain(cfg.space).get("held", []),
        base_distiller=distiller,
        distillers=partial(_compose_distiller, overrides, loader),
        warm_start=_warm_start(cfg, distiller, dimensions, loader, "distiller" in fixed),
        max_params=cfg.search.max_params,
    )


def _student_genes(cfg: DictConfig, student: DictConfig) -> dict[str, Any]:
    """The values of the student's keys that are searched; a key that is a list in the student gives one for each entry.

    A student that has none of the keys, such as a network of another library, is fixed: it has no genes.

    Raises:
        UserError: the student has some of the keys but not all.
    """
    genes = plain(cfg.space.genes) if cfg.space.get("student") else {}
    known = [key for key in genes if key in student]
    missing = [key for key in genes if key not in student]
    if missing and known:
        has = ", ".join(str(key) for key in student if key != "_target_")
        raise UserError(f"space.genes lists {missing[0]!r}, which the student does not have; it has {has}")
    dimensions = {}
    for key in known:
        entries = range(len(student[key])) if OmegaConf.is_list(student[key]) else None
        names = [f"student.{key}"] if entries is None else [f"student.{key}.{entry}" for entry in entries]
        dimensions.update({name: genes[key] for name in names if genes[key] is not None})
    return dimensions


def _is_set(key: str, fixed: frozenset[str], choices: Mapping[str, Any]) -> bool:
    """Whether the command line sets a key, or the whole that it is part of; choosing an option sets no key of it."""
    return any(key == name or (key.startswith(f"{name}.") and name not in choices) for name in fixed)


def _warm_start(
    cfg: DictConfig, base: str, dimensions: Mapping[str, Any], loader: ConfigLoader, fixed: bool
) -> tuple[str, ...]:
    """The published distillers to begin with.

    Raises:
        UserError: a name is no distiller, or stands there twice, or the command line allows one distiller only.
    """
    names = cfg.search.warm_start
    if names == "auto":
        weighs = any(key.startswith("distiller.") and key.endswith(".weight") for key in dimensions)
        asked = weighs and not fixed and cfg.search.objective == "train"
        if not asked:
            return ()
        names = plain(cfg.space).get("warm_start") or BASELINES
    known = loader.get_group_options("distiller")
    for name in names:
        if name not in known:
            raise unknown("distiller", name, known, "It stands in search.warm_start.")
    if len(set(names)) < len(names):
        raise UserError(f"search.warm_start lists a distiller twice: {list(names)}; remove the copy")
    if names and fixed:
        raise UserError(
            f"search.warm_start={list(names)} needs the gene distiller, and the command line sets "
            f"distiller={base}; remove one of them"
        )
    return tuple(names)


def _model_facts(names: Sequence[str], overrides: Sequence[str], loader: ConfigLoader) -> dict[str, Mapping[str, Any]]:
    """The facts of networks by option, in the student's place."""
    load = loader.load_configuration
    return {name: plain(load("train", [*overrides, f"model@student={name}"], RunMode.RUN).student) for name in names}


def _compose_distiller(overrides: Sequence[str], loader: ConfigLoader, name: str) -> Blueprint[Distiller]:
    """A distiller as a candidate has it that names its option."""
    composed = loader.load_configuration("train", [*overrides, f"{KEY}={name}"], RunMode.RUN)
    return blueprint(composed.distiller, KEY)


def _list_values(key: str, values: Any, loader: ConfigLoader) -> list[Value]:
    """The values of a dimension, every option where ``*`` stands for them.

    Raises:
        UnknownNameError: a value is no option of the key's group.
        UserError: ``*`` stands where there is no group.
    """
    group = key.lstrip("+").split("@")[0]
    known = [] if "." in group else loader.get_group_options(group)
    if values == EVERY:
        if not known:
            raise UserError(
                f'space.dimensions gives {key!r} "*", every option of a group, and it is none; list its values'
            )
        return list(known)
    listed = values if isinstance(values, list) else [values]
    for value in listed if known else ():
        if value not in known:
            raise unknown(group, value, known, f"It stands in space.dimensions, {key}.")
    return list(listed)


def _make_parts(
    dimensions: Mapping[str, Sequence[Value]], loader: ConfigLoader
) -> tuple[dict[str, Transform], dict[str, Distance]]:
    """The transforms and distances of a space by option, which say what they take and return.

    Raises:
        UserError: a transform or a distance can't be made, or is none.
    """
    listed = {
        group: sorted({str(v) for key, values in dimensions.items() if key.startswith(f"{group}@") for v in values})
        for group in ("transform", "distance")
    }
    if not any(listed.values()):
        return {}, {}
    listed["transform"] = sorted({*listed["transform"], "identity"})
    chosen = [f"+{group}@every.{group}.{name}={name}" for group, names in listed.items() for name in names]
    every = loader.load_configuration("train", chosen, RunMode.RUN).every
    made = {
        group: {name: blueprint(every[group][name], f"{group}={name}")() for name in names}
        for group, names in listed.items()
    }
    for group, kind in (("transform", Transform), ("distance", Distance)):
        for name, each in made[group].items():
            if not isinstance(each, kind):
                raise UserError(f"{group}={name} makes a {type(each).__name__}, which is no {kind.__name__}")
    return made["transform"], made["distance"]
