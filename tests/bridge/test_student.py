"""From a point of the space to a student: one translator, for its keys and for the network itself."""

from random import Random

import pytest

from tests.journey import search_space
from uniads import build
from uniads.error import UnknownNameError
from uniads.model.base import count_params

SHAPE = {"num_classes": 10, "in_channels": 3}
NETWORKS = "+space.dimensions={model@student:[resnet8,resnet20,vgg8]}"


def test_a_point_may_choose_the_network() -> None:
    found = search_space("+pair=resnet56-resnet20", "space=distiller", NETWORKS, shape=SHAPE)
    assert "model@student" in [dimension.key for dimension in found.space.dimensions]
    for option in ("resnet8", "resnet20", "vgg8"):
        assert found.students.count({"model@student": option}) == count_params(build("model", option, **SHAPE))


def test_a_cap_holds_for_networks_that_a_point_chooses() -> None:
    cap = "search.max_params=100000"
    found = search_space("+pair=resnet56-resnet20", "space=distiller", NETWORKS, cap, shape=SHAPE)
    first = found.space.point(next(found.space.every()))
    admitted = {
        option for option in ("resnet8", "resnet20", "vgg8")
        if found.space.admits(found.space.genome({**first, "model@student": option}))
    }  # fmt: skip
    assert admitted == {"resnet8"}


def test_a_key_that_the_student_lacks_is_named_with_the_nearest() -> None:
    students = search_space("+pair=resnet56-resnet20", shape=SHAPE).students
    with pytest.raises(UnknownNameError, match=r"no key of the student 'widht'; there are .*Did you mean width"):
        students.build({"student.widht": 2})


def test_a_student_is_counted_once() -> None:
    students = search_space("+pair=resnet56-resnet20", shape=SHAPE).students
    before = len(students._params)
    for weight in (1, 2, 3):
        students.count({"student.width": 2, "distiller.logits.weight": weight})
    assert len(students._params) == before + 1


def test_building_one_student_leaves_the_next_as_configured() -> None:
    students = search_space("+pair=resnet56-resnet20", shape=SHAPE).students
    own = students.count({})
    assert students.count({"student.blocks.1": 7}) > own
    assert count_params(students.build({})) == own


@pytest.mark.parametrize("pair", ["resnet56-resnet20", "wrn40_2-wrn16_2", "vgg13-vgg8"])
def test_many_students_are_counted_by_a_rule_that_is_exact(pair: str) -> None:
    found = search_space(f"+pair={pair}", "space=architecture", shape={"num_classes": 10, "in_channels": 1})
    points = [found.space.point(genome) for genome in dict.fromkeys(found.space.fill(200, Random(0)))]
    found.students.count({})
    estimated = [found.students.estimate(point) for point in points]
    assert len(found.students._params) < len(points), "no rule was found"
    assert estimated == [found.students.count(point) for point in points]
