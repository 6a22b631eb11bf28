"""The space that is searched: illegal values, combinations that mean the same, and oversized students left out."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product

from uniads.bridge.dressing import KEY, Dressing
from uniads.bridge.search_settings import SearchSettings
from uniads.bridge.student import Students, is_of_student
from uniads.bridge.warm_start import WarmStart, nearest
from uniads.distiller.legal import NodeRule
from uniads.error import UserError
from uniads.search.dimension import is_number
from uniads.search.prior import Prior
from uniads.search.space import Point, SearchSpace, Value

NO_TEACHER = "plain"
"""The published distiller that asks no teacher."""

LOOKED_AT = 2_000
"""Students that are built, without weights, to find one below a cap."""


def build_space(settings: SearchSettings, students: Students, warm_start: WarmStart) -> SearchSpace:
    """The space of a search.

    Args:
        settings: of the search.
        students: counts the parameters of a candidate, for ``search.max_params``.
        warm_start: adds a gene where there is one.

    Raises:
        UserError: a key has no value, or fewer than two candidates are left.
    """
    space = settings.space
    facts = space.ranks, space.kept, space.labelled, space.classed, space.joint
    rules = [NodeRule(f"distiller.{name}", source, *facts) for name, source in space.nodes.items()]
    dimensions = warm_start.dimensions()
    for key, values in space.dimensions.items():
        legal = list(values)
        for rule in rules:
            legal = rule.allowed(key, legal)
        if not legal:
            raise UserError(f"space.dimensions lists no value that {key!r} can take; add one, or remove the key")
        dimensions[key] = legal

    weight_keys = [f"distiller.{name}.weight" for name in space.nodes]
    plain, base = _find_plain_values(dimensions), settings.space.base_distiller

    def repair(point: Point) -> Point:
        for rule in rules:
            point = rule.repair(point, dimensions)
        has_nodes = point.get(KEY, base) == base  # the weights of a published distiller's are idle
        is_plain = has_nodes and bool(weight_keys) and all(point.get(key) == 0 for key in weight_keys)
        return point | plain if is_plain else point

    switches = [*warm_start.switches(dimensions), *(s for rule in rules for s in rule.switches(dimensions))]
    limit = _find_limit(settings, students)
    admits = _build_cap(limit, students)
    seeded = [*warm_start.dimensions(), *_find_held(space.held, dimensions)]
    built = SearchSpace(dimensions, repair, admits, switches, seeded, _build_prior(settings, dimensions))
    if built.size < 2:
        raise UserError("the search space has one point; give at least one key of space.dimensions two values")
    if limit is not None:
        _check_cap(limit, built, students)
    return built


def build_dressing(settings: SearchSettings, image: Sequence[int]) -> Dressing:
    """What the distillers of a search make of its students.

    Args:
        settings: of the search.
        image: shape of an image, (channels, height, width).
    """
    space, training = settings.space, settings.training
    teacher = (training.teacher.model, *training.teacher.assistants)[-1]
    return Dressing(space.base_distiller, training.distiller, space.distillers, teacher, image)


def _find_held(held: Sequence[str], dimensions: Mapping[str, Sequence[Value]]) -> list[str]:
    """The held keys of a space; those that the command line sets are no genes.

    Raises:
        UserError: one has numbers alone, which have an order, so that the first is not the one that was listed first.
    """
    for key in held:
        if all(map(is_number, dimensions.get(key, ["text"]))):
            raise UserError(f"space.held names {key!r}, whose values are numbers, which have no first; remove it")
    return [key for key in held if key in dimensions]


def _build_prior(settings: SearchSettings, dimensions: Mapping[str, Sequence[Value]]) -> Prior | None:
    """The space's centres as far as its values allow, and the warm start's distillers as they are.

    Raises:
        UserError: a share of random draws is asked for, and the space has no centre.
    """
    if not settings.prior:
        return None
    centres = [_fit_centre(centre, dimensions) for centre in settings.space.centres.values()]
    centres += [{KEY: name} for name in dimensions.get(KEY, ()) if name != settings.space.base_distiller]
    if not any(centres):
        raise UserError(
            f"search.prior={settings.prior} draws near centres, and this space has none; name published distillers in "
            "search.warm_start, give space.centres, or use search.prior=0"
        )
    return Prior([centre for centre in centres if centre], settings.prior)


def _fit_centre(centre: Mapping[str, Value], dimensions: Mapping[str, Sequence[Value]]) -> Point:
    """What a space has of a centre; the nearest number stands for one that the space does not list."""
    return {
        key: nearest(value, dimensions[key])
        for key, value in centre.items()
        if key in dimensions and (value in dimensions[key] or is_number(value))
    }


def _find_plain_values(dimensions: Mapping[str, Sequence[Value]]) -> Point:
    """What else is set where the weights of all nodes are 0.

    It is the published distiller without a teacher, where the space has it. Where not, its only loss weighs 1.
    """
    plain: Point = {}
    if NO_TEACHER in dimensions.get(KEY, ()):
        plain[KEY] = NO_TEACHER
    if values := dimensions.get("distiller.task"):
        plain["distiller.task"] = nearest(1, values)
    return plain


def _check_cap(limit: int, space: SearchSpace, students: Students) -> None:
    """Refuse a cap under which there is no student.

    The first ``LOOKED_AT`` of the space are looked at, the last gene changing fastest. If all of them are too large and
    there are more, the search will find out.

    Raises:
        UserError: every student of the space is too large.
    """
    genes = [range(len(d.values)) if is_of_student(d.key) else range(1) for d in space.dimensions]
    sizes = []
    for genome in islice(product(*genes), LOOKED_AT):
        sizes.append(students.count(space.point(genome)))
        if sizes[-1] <= limit:
            return
    if len(sizes) < LOOKED_AT:
        raise UserError(
            f"search.max_params={limit} is below every student of this space, of which the smallest has {min(sizes):,} "
            "parameters; raise it, or set it to null"
        )


def _find_limit(settings: SearchSettings, students: Students) -> int | None:
    """The cap on a student's parameters as a number.

    Raises:
        UserError: it is neither null, nor ``teacher``, nor ``pair``, nor a number above 0.
    """
    limit = settings.space.max_params
    if limit == "pair":
        return students.count({})
    if limit == "teacher":
        return students.count_other(settings.training.teacher.chosen_model)
    if limit is not None and (isinstance(limit, str) or limit <= 0):
        raise UserError(f"search.max_params must be null, teacher, pair, or a number above 0, got {limit!r}")
    return limit


def _build_cap(limit: int | None, students: Students) -> Callable[[Point], bool] | None:
    """A test whether a point's student has at most so many parameters; None where there is no cap."""
    return None if limit is None else lambda point: students.count(point) <= limit
