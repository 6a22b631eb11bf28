"""``space=modern``: published logit methods are points of it, to the bit, and random draws are balanced."""

import re
from random import Random

import pytest
import torch
from hydra.utils import instantiate

from tests.distiller.test_formula import CLASSES, batch
from tests.journey import configured, search_space
from uniads import build
from uniads.distiller.base import Context
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.model.base import Network, knowledge_of
from uniads.search.space import SearchSpace

POINTS = ("kd", "kd_ls", "ttm", "wttm", "dkd", "dkd_ls", "sdd_kd", "sdd_dkd", "cat_kd")


def modern(*overrides: str) -> SearchSpace:
    shape = {"num_classes": 10, "in_channels": 1}
    return search_space("+pair=resnet32x4-resnet8x4", "space=modern", *overrides, shape=shape).space


def composed(space: SearchSpace, centre: dict[str, object]) -> Composed:
    """The distiller of a candidate with a centre's values, made out of its overrides as a job makes it."""
    point = {dimension.key: dimension.values[0] for dimension in space.dimensions} | centre
    overrides = space.overrides(space.genome(point))
    cfg = configured("+pair=resnet32x4-resnet8x4", *(o for o in overrides if "distiller" in o))
    made: Composed = instantiate(cfg.distiller)
    return made


def network(seed: int) -> Network:
    torch.manual_seed(seed)
    made: Network = build("model", "resnet8", num_classes=CLASSES, in_channels=1)
    return made.eval()


@pytest.mark.parametrize("name", POINTS)
def test_a_published_method_is_a_point_of_the_space(name: str) -> None:
    centre = configured("+space=modern").space.centres[name]
    mine, theirs = composed(modern(), dict(centre)), build("distiller", name)
    assert mine.balance is None
    assert mine.task == theirs.task
    student, teacher = network(0), network(1)
    image = torch.randn(5, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    for distiller in (mine, theirs):
        distiller.adapt(Context.of(student, teacher, image[:2]))
    said = knowledge_of(teacher, image)
    for epoch in (0, 7, 200):
        results = []
        for distiller in (mine, theirs):
            distiller.set_epoch(epoch, 240)
            terms = torch.stack(list(distiller(student(image), said, batch()).values()))
            results.append(
                (terms.detach(), *torch.autograd.grad(terms.sum(), list(student.parameters()), materialize_grads=True))
            )
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_published_methods_are_what_a_search_of_it_begins_with() -> None:
    assert modern().dimensions[0].values == ("modern", "plain", "kd", "kd_ls", "dkd_ls", "review", "simkd")
    assert modern("search.warm_start=[kd]").dimensions[0].values == ("modern", "kd")


def test_no_term_at_all_is_a_point_and_means_plain() -> None:
    space = modern("search.warm_start=[plain]")
    off = {f"distiller.{node}.weight": 0 for node in ("feature", "embedding", "logits", "rest")}
    point = {dimension.key: dimension.values[0] for dimension in space.dimensions} | off | {"distiller": "modern"}
    assert space.point(space.genome(point))["distiller"] == "plain"


def test_random_draws_are_balanced_and_those_near_a_centre_are_not() -> None:
    alone, near = (modern(f"search.prior={share}", "search.warm_start=[]") for share in (0, 1))
    assert {alone.point(alone.draw(Random(seed)))["distiller.balance"] for seed in range(40)} == {True}
    found = [near.point(near.draw(Random(seed))) for seed in range(60)]
    assert {point["distiller.balance"] for point in found} == {True, False}
    assert sum(point["distiller.balance"] is False for point in found) > 35  # 9 of 11 centres


def test_held_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"space\.held names 'distiller\.task', whose values are numbers"):
        modern("space.held=[distiller.task]")


@pytest.mark.parametrize(
    ("override", "place", "key"),
    [
        ("space.held=[distiller.balanc]", "space.held", "distiller.balanc"),
        ("+space.centres.mine={distiller.logits.tua: 4}", "space.centres.mine", "distiller.logits.tua"),
        (
            "+space.centres.mine={distance@distiller.logit.distance: kl}",
            "space.centres.mine",
            "distance@distiller.log",
        ),
    ],
)
def test_a_key_that_is_nowhere_is_refused(override: str, place: str, key: str) -> None:
    with pytest.raises(UserError, match=rf"there is no {re.escape(place)}, key '{re.escape(key)}.*Did you mean"):
        modern(override)


def test_a_key_that_the_command_line_sets_may_stand_in_a_centre() -> None:
    assert "distiller.logits.tau" not in [d.key for d in modern("distiller.logits.tau=4").dimensions]


def test_regions_alone_are_compared_with_their_whole_image() -> None:
    space = modern()
    weight, source = "distiller.logits.sample_weight", "distiller.logits.source"
    node = {"distiller.logits.weight": 1, "distance@distiller.logits.distance": "kl", weight: "disagreement"}
    kd = {d.key: d.values[0] for d in space.dimensions} | dict(configured("+space=modern").space.centres["kd"])
    for kind, wanted in (("regions", "disagreement"), ("logits", "one")):
        genome = space.repair(space.genome({**kd, "distiller": "modern", **node, source: kind}))
        assert space.point(genome)[weight] == wanted
