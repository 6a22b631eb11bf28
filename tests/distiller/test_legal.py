"""Every genome stands for a distiller that can be built, and equal distillers for one genome."""

from random import Random

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from uniads import options
from uniads.distiller.legal import IDENTITY, NodeRule, start_rank
from uniads.options import conf_dir
from uniads.search.space import Point, SearchSpace, Value
from uniads.transform.base import LabelTransform

some = settings(deadline=None, max_examples=80, derandomize=True)

TRANSFORMS = options("transform")
DISTANCES = options("distance")
KINDS = {name: get_class(OmegaConf.load(conf_dir() / "transform" / f"{name}.yaml")["_target_"]) for name in TRANSFORMS}
RANKS = {name: kind.ranks for name, kind in KINDS.items()}
LABELLED = [name for name, kind in KINDS.items() if issubclass(kind, LabelTransform)]
CLASSED = [name for name, kind in KINDS.items() if kind.keeps_classes]
SOURCES = ("feature", "embedding", "logits")
RULES = {source: NodeRule(f"distiller.{source}", source, RANKS, {}, LABELLED, CLASSED) for source in SOURCES}
SLOTS = ("first", "second", "third")


def listed() -> dict[str, list[Value]]:
    """The dimensions of the extended space that belong to nodes, every illegal value left out."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        dimensions = compose(overrides=["+space=extended"]).space.dimensions
    values = {}
    for key, given_values in dimensions.items():
        if "distiller." not in key:
            continue
        every = options(key.split("@")[0]) if given_values == "*" else given_values
        values[key] = list(every)
        for rule in RULES.values():
            values[key] = rule.allowed(key, values[key])
    return values


DIMENSIONS = listed()
FIRST = {key: values[0] for key, values in DIMENSIONS.items()}
points = st.tuples(*map(st.sampled_from, DIMENSIONS.values())).map(
    lambda values: dict(zip(DIMENSIONS, values, strict=True))
)
sources = st.sampled_from(SOURCES)


def apply_rules(point: Point) -> Point:
    for rule in RULES.values():
        point = rule.repair(point, DIMENSIONS)
    return point


SWITCHES = [switch for rule in RULES.values() for switch in rule.switches(DIMENSIONS)]
SPACE = SearchSpace(DIMENSIONS, apply_rules, switches=SWITCHES)


def repaired(point: Point) -> Point:
    return SPACE.point(SPACE.genome(point))


def chain(point: Point, source: str) -> list[str]:
    return [str(point[f"transform@distiller.{source}.transform.{slot}"]) for slot in SLOTS]


def ranks_along(steps: list[str], source: str) -> list[int | None]:
    """The rank after each step, None from the first step on that does not take what it is given."""
    ranks: list[int | None] = []
    rank: int | None = 4 if source == "feature" else 2
    for position, step in enumerate(steps):
        if step in LABELLED and not (source == "logits" and set(steps[:position]) <= {*CLASSED, IDENTITY}):
            rank = None
        rank = None if rank is None else RANKS[step].get(rank)
        ranks.append(rank)
    return ranks


def test_labels_mean_something_in_logits_only() -> None:
    assert {"target", "rest"} <= set(LABELLED)
    assert {"standardise", "batchnorm", "scale"} <= set(CLASSED)
    for source in SOURCES:
        first = RULES[source].allowed(f"transform@distiller.{source}.transform.first", list(TRANSFORMS))
        assert set(LABELLED) <= set(first) if source == "logits" else not set(LABELLED) & set(first)
    logits = {
        f"transform@distiller.logits.transform.{slot}": step
        for slot, step in zip(SLOTS, ("catt", "rest", "mm"), strict=True)
    }
    repaired_chain = RULES["logits"].repair(dict(logits), {key: list(TRANSFORMS) for key in logits})
    assert list(repaired_chain.values()) == ["catt", "mm", IDENTITY]


def test_images_are_not_weighted_by_what_compares_them_with_each_other() -> None:
    rule = NodeRule("distiller.logits", "logits", RANKS, joint=("correlation",))
    distance, weight = "distance@distiller.logits.distance", "distiller.logits.sample_weight"
    values: dict[str, list[Value]] = {distance: ["kl", "correlation"], weight: ["confidence", "one"]}
    assert rule.repair({distance: "correlation", weight: "confidence"}, values)[weight] == "one"
    assert rule.repair({distance: "kl", weight: "confidence"}, values)[weight] == "confidence"


def test_the_extended_space_has_the_genes_that_are_tested_here() -> None:
    assert len(RANKS) == len(TRANSFORMS) >= 31
    assert len(DIMENSIONS) == 3 * (len(SLOTS) + len(("distance", "weight", "tau")))


@some
@given(point=points)
def test_repair_leaves_legal_points_alone(point: Point) -> None:
    once = repaired(point)
    assert repaired(once) == once


@some
@given(point=points)
def test_repair_keeps_keys_and_values_within_the_space(point: Point) -> None:
    legal = repaired(point)
    assert list(legal) == list(point)
    assert all(legal[key] in DIMENSIONS[key] for key in legal)


@some
@given(point=points, source=sources)
def test_every_transform_takes_the_rank_that_it_is_given(point: Point, source: str) -> None:
    assert None not in ranks_along(chain(repaired(point), source), source)


@some
@given(point=points, source=sources)
def test_identities_stand_last(point: Point, source: str) -> None:
    legal = repaired(point)
    if legal[f"distiller.{source}.weight"] != 0:
        steps = chain(legal, source)
        kept = [step for step in steps if step != IDENTITY]
        assert steps == kept + [IDENTITY] * (3 - len(kept))


@some
@given(point=points, source=sources)
def test_a_legal_chain_only_loses_its_gaps(point: Point, source: str) -> None:
    steps = chain(point, source)
    if point[f"distiller.{source}.weight"] == 0 or None in ranks_along(steps, source):
        return
    assert [s for s in chain(repaired(point), source) if s != IDENTITY] == [s for s in steps if s != IDENTITY]


@some
@given(point=points, other=points, source=sources)
def test_all_nodes_of_weight_zero_are_one(point: Point, other: Point, source: str) -> None:
    mine = [key for key in point if f"distiller.{source}." in key]
    off = {f"distiller.{source}.weight": 0}
    swapped = point | {key: other[key] for key in mine} | off
    legal = repaired(point | off)
    assert legal == repaired(swapped)
    assert legal[f"distiller.{source}.weight"] == 0


@some
@given(point=points, source=sources)
def test_a_node_is_repaired_without_its_neighbours(point: Point, source: str) -> None:
    changed = RULES[source].repair(point, DIMENSIONS)
    assert all(changed[key] == point[key] for key in point if f"distiller.{source}." not in key)
    assert changed[f"distiller.{source}.weight"] == point[f"distiller.{source}.weight"]


@some
@given(point=points)
def test_distance_weight_and_tau_of_a_living_node_are_kept(point: Point) -> None:
    legal = repaired(point)
    for source in SOURCES:
        keys = (f"distance@distiller.{source}.distance", f"distiller.{source}.weight", f"distiller.{source}.tau")
        if point[keys[1]] != 0:
            assert [legal[key] for key in keys] == [point[key] for key in keys]


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("feature", ["identity", "satt", "identity"], ["satt", "identity", "identity"]),
        ("feature", ["bmm", "local_s2", "satt"], ["bmm", "satt", "identity"]),
        ("feature", ["batch", "satt", "softmax_n"], ["batch", "softmax_n", "identity"]),
        ("logits", ["identity", "satt", "relu"], ["relu", "identity", "identity"]),
        ("embedding", ["bmm", "satt", "mm"], ["bmm", "satt", "mm"]),
        ("logits", ["identity"] * 3, ["identity"] * 3),
    ],
)
def test_known_chains_are_repaired_as_documented(source: str, before: list[str], after: list[str]) -> None:
    keys = [f"transform@distiller.{source}.transform.{slot}" for slot in SLOTS]
    point = FIRST | {f"distiller.{source}.weight": 1} | dict(zip(keys, before, strict=True))
    assert chain(repaired(point), source) == after


@pytest.mark.parametrize("source", SOURCES)
def test_only_logits_can_be_compared_by_decision(source: str) -> None:
    allowed = RULES[source].allowed(f"distance@distiller.{source}.distance", list(DISTANCES))
    assert "hard" in DISTANCES
    assert ("hard" in allowed) == (source == "logits")
    assert set(DISTANCES) - set(allowed) <= {"hard"}


@pytest.mark.parametrize("source", SOURCES)
def test_only_features_have_spatial_attention(source: str) -> None:
    allowed = RULES[source].allowed(f"transform@distiller.{source}.transform.first", list(TRANSFORMS))
    assert ("satt" in allowed) == (source == "feature")
    fitting = {name for name, ranks in RANKS.items() if (4 if source == "feature" else 2) in ranks}
    assert set(allowed) == (fitting if source == "logits" else fitting - set(LABELLED))


@pytest.mark.parametrize("source", SOURCES)
def test_a_rule_leaves_the_keys_of_others_as_they_are(source: str) -> None:
    for key in ("student.width", "distance@distiller.other.distance", f"distiller.{source}.weight", "recipe.lr"):
        assert RULES[source].allowed(key, ["satt", "hard", 0]) == ["satt", "hard", 0]


def test_a_feature_map_starts_with_four_axes_and_a_vector_with_two() -> None:
    assert [start_rank(source) for source in SOURCES] == [4, 2, 2]


@pytest.mark.parametrize("source", SOURCES)
def test_a_node_whose_weight_cannot_be_zero_has_no_switch(source: str) -> None:
    weight = f"distiller.{source}.weight"
    (switch,) = RULES[source].switches(DIMENSIONS)
    assert (switch.key, switch.values) == (weight, (0,))
    assert set(switch.idle) == {key for key in DIMENSIONS if f"distiller.{source}." in key} - {weight}
    assert RULES[source].switches(DIMENSIONS | {weight: [1, 2]}) == []
    assert RULES[source].switches({"student.width": [0, 1]}) == []


def test_draws_from_the_space_are_legal_and_drawn_from_all_of_it() -> None:
    rng = Random(0)
    drawn = [SPACE.point(SPACE.draw(rng)) for _ in range(400)]
    for source in SOURCES:
        assert all(None not in ranks_along(chain(point, source), source) for point in drawn)
        assert {point[f"distiller.{source}.weight"] for point in drawn} == set(DIMENSIONS[f"distiller.{source}.weight"])
        starts = set(DIMENSIONS[f"transform@distiller.{source}.transform.first"])
        assert starts - {IDENTITY} <= {chain(point, source)[0] for point in drawn} <= starts


@pytest.mark.parametrize(("source", "taken"), [("feature", "satt"), ("logits", "relu")])
def test_a_space_that_varies_one_slot_only_is_left_to_allowed(source: str, taken: str) -> None:
    point: Point = {f"transform@distiller.{source}.transform.first": taken, "student.width": 1}
    assert RULES[source].repair(point, {key: [value] for key, value in point.items()}) == point


def test_a_slot_that_lists_no_identity_takes_its_first_fitting_value() -> None:
    keys = [f"transform@distiller.logits.transform.{slot}" for slot in SLOTS[:2]]
    values = {keys[0]: ["bmm", "relu"], keys[1]: ["satt", "mm", "batch"]}
    point: Point = {keys[0]: "relu", keys[1]: "satt"}
    assert RULES["logits"].repair(point, values) == {keys[0]: "relu", keys[1]: "mm"}
