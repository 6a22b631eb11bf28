"""Transforms that leave their input as it is are one candidate with the identity."""

import pytest
import torch

from tests.journey import search_space
from uniads import build, options
from uniads.distiller.legal import NodeRule
from uniads.transform.base import Transform

SHAPES = {2: (4, 6), 4: (4, 6, 5, 5)}
SHAPE = {"num_classes": 10, "in_channels": 1}
APART = {("batch", 2)}
"""Left apart, so that recorded searches of the paper's space stay valid."""
FEATURE, LOGITS = (
    [f"transform@distiller.{source}.transform.{slot}" for slot in ("first", "second", "third")]
    for source in ("feature", "logits")
)


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.slow
def test_a_transform_says_rightly_whether_it_leaves_its_input_as_it_is(rank: int) -> None:
    x = torch.randn(SHAPES[rank], generator=torch.Generator().manual_seed(0))
    for name in options("transform"):
        transform: Transform = build("transform", name)
        if rank in transform.ranks and (name, rank) not in APART:
            assert transform.keeps(rank) == torch.equal(transform(x), x), name


def test_what_means_the_same_is_one_candidate_of_the_extended_space() -> None:
    space = search_space("+pair=resnet56-resnet20", "space=extended", "search.warm_start=[]", shape=SHAPE).space
    start = space.point(space.genome(space.point((1,) * len(space.dimensions))))
    assert start["distiller.logits.weight"] != 0
    pairs = [
        (FEATURE, ["local_s1", "satt", "scale_r1"], ["satt", "identity", "identity"]),
        (FEATURE, ["scale_r1", "local_s1", "identity"], ["identity"] * 3),
        (FEATURE, ["scale_r2", "local_s2", "identity"], ["scale_r2", "local_s2", "identity"]),
        (LOGITS, ["scale_r4", "relu", "scale_r2"], ["relu", "identity", "identity"]),
    ]
    for keys, written, meant in pairs:
        genomes = [space.genome(start | dict(zip(keys, chain, strict=True))) for chain in (written, meant)]
        assert genomes[0] == genomes[1]
        assert [space.point(genomes[0])[key] for key in keys] == meant


def test_without_an_identity_the_first_of_those_that_mean_it_stands_for_all() -> None:
    kept = {"local_s1": [4], "scale_r1": [2, 4]}
    rule = NodeRule("distiller.feature", "feature", {"local_s1": {4: 4}, "scale_r1": {4: 4}, "satt": {4: 4}}, kept)
    values = {FEATURE[0]: ["satt", "scale_r1", "local_s1"]}
    for name, meant in {"local_s1": "scale_r1", "scale_r1": "scale_r1", "satt": "satt"}.items():
        assert rule.repair({FEATURE[0]: name}, values) == {FEATURE[0]: meant}
