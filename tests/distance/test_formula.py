"""Each formula by a worked number, or derived again with plain loops in float64."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from uniads.distance.base import Distance
from uniads.distance.correlation import Correlation
from uniads.distance.cosine import Cosine
from uniads.distance.euclid import Euclid
from uniads.distance.hard import Hard
from uniads.distance.kl import KL
from uniads.distance.l1 import L1
from uniads.distance.l2 import L2
from uniads.distance.pearson import Pearson
from uniads.distance.row_l2 import RowL2
from uniads.distance.smooth_l1 import SmoothL1

Vector = list[float]


def tensor(*rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def mean(values: Vector) -> float:
    return sum(values) / len(values)


def exactly(expected: float) -> object:
    return pytest.approx(expected, rel=0, abs=1e-9)


@pytest.fixture
def student() -> Tensor:
    return torch.randn((3, 4, 2, 5), generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def teacher() -> Tensor:
    return torch.randn((3, 4, 2, 5), generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (L1(), (0 + 0.5 + 3 + 2) / 4),
        (L2(), (0 + 0.25 + 9 + 4) / 4),
        (SmoothL1(), (0 + 0.125 + 2.5 + 1.5) / 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_differences_of_a_worked_pair_are_averaged_over_all_elements(distance: Distance, expected: float) -> None:
    value = distance(tensor([1, 2], [3, -2]), tensor([1, 1.5], [0, 0]))
    assert value.item() == exactly(expected)


def softmax(values: Vector) -> Vector:
    powers = [math.exp(v) for v in values]
    return [p / sum(powers) for p in powers]


def divergence(p: Vector, q: Vector) -> float:
    """KL(p ‖ q)."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_kl_of_worked_logits() -> None:
    # Teacher (3/4, 1/4), student (1/2, 1/2): the mean with a second, equal pair halves it.
    student, teacher = tensor([7, 7], [1, 2]), tensor([math.log(3), 0], [1, 2])
    expected = (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2
    assert KL()(student, teacher).item() == exactly(expected)


def test_kl_goes_from_the_teacher_to_the_student() -> None:
    student, teacher = tensor([0.0, 0.0]), tensor([math.log(3), 0])
    assert KL()(teacher, student).item() == exactly(0.5 * math.log(2 / 3) + 0.5 * math.log(2))


def test_kl_sums_over_channels_and_averages_over_batch_and_positions(student: Tensor, teacher: Tensor) -> None:
    at = [(n, h, w) for n in range(3) for h in range(2) for w in range(5)]
    expected = mean(
        [divergence(softmax(teacher[n, :, h, w].tolist()), softmax(student[n, :, h, w].tolist())) for n, h, w in at]
    )
    assert KL()(student, teacher).item() == exactly(expected)


def test_kl_of_probabilities_is_kl_of_their_logits(student: Tensor, teacher: Tensor) -> None:
    for factor in (1.0, 0.25):  # the 1/τ of a node
        value = KL().on((1,))(factor * student.softmax(1), factor * teacher.softmax(1))
        assert value.item() == exactly(KL()(student, teacher).item())


def test_kl_over_positions_averages_over_batch_and_channels(student: Tensor, teacher: Tensor) -> None:
    p, q = teacher.flatten(2), student.flatten(2)
    expected = mean(
        [divergence(softmax(p[n, c].tolist()), softmax(q[n, c].tolist())) for n in range(3) for c in range(4)]
    )
    value = KL(simplex=(2, 3))(q.softmax(2).view_as(student), p.softmax(2).view_as(teacher))
    assert value.item() == exactly(expected)


def test_kl_over_the_batch_averages_over_all_other_axes(student: Tensor, teacher: Tensor) -> None:
    p, q = teacher.flatten(1), student.flatten(1)
    expected = mean([divergence(softmax(p[:, i].tolist()), softmax(q[:, i].tolist())) for i in range(40)])
    assert KL(simplex=[0])(student.softmax(0), teacher.softmax(0)).item() == exactly(expected)


def test_kl_of_distributions_with_zeros() -> None:
    half, first = tensor([0.5, 0.5, 0]), tensor([1, 0, 0])
    assert KL((1,))(half, first).item() == exactly(math.log(2))
    # The student excludes a class of the teacher: infinite in theory, the floor of 1e-25 makes it large and finite.
    assert KL((1,))(first, half).item() == pytest.approx(0.5 * math.log(0.5) + 0.5 * math.log(0.5e25), abs=1e-6)


def test_hard_is_the_students_surprise_at_the_teachers_class() -> None:
    student, teacher = tensor([math.log(3), 0, 0], [0, 0, 0]), tensor([5, 1, 1], [-3, -2, -9])
    assert Hard()(student, teacher).item() == exactly((math.log(5 / 3) + math.log(3)) / 2)


def test_hard_chooses_a_class_at_each_position(student: Tensor, teacher: Tensor) -> None:
    surprise = []
    for n in range(3):
        for h in range(2):
            for w in range(5):
                t = teacher[n, :, h, w].tolist()
                surprise.append(-math.log(softmax(student[n, :, h, w].tolist())[t.index(max(t))]))
    assert Hard()(student, teacher).item() == exactly(mean(surprise))


def test_hard_of_probabilities_is_hard_of_their_logits(student: Tensor, teacher: Tensor) -> None:
    value = Hard().on((1,))(student.softmax(1) / 4, teacher.softmax(1) / 4)
    assert value.item() == exactly(Hard()(student, teacher).item())


def test_hard_takes_distributions_over_other_axes_as_logits(student: Tensor, teacher: Tensor) -> None:
    s, t = student.softmax(0), teacher.softmax(0)
    assert Hard().on((0,))(s, t).item() == exactly(Hard()(s, t).item())


def cos(a: Vector, b: Vector) -> float:
    product = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (product + 1e-8)


def rho(a: Vector, b: Vector) -> float:
    return cos([x - mean(a) for x in a], [y - mean(b) for y in b])


def test_cosine_of_worked_angles() -> None:
    # 0°, 90° and 180°, times vectors long enough for the 1e-8 to be nothing.
    student, teacher = tensor([300, 400], [0, 500], [-6e4, 8e4]), tensor([3e4, 4e4], [7e5, 0], [3e4, -4e4])
    assert Cosine()(student, teacher).item() == exactly((0 + 1 + 2) / 3)


def test_pearson_and_correlation_of_a_worked_pair() -> None:
    # Rows: ρ of (1, 2, 3) and (1, 3, 2) is 1/2. The 1e-8 is seen at the 9th digit, so the numbers are large.
    student, teacher = 1e4 * tensor([1, 2, 3]), 1e4 * tensor([1, 3, 2])
    assert Pearson()(student, teacher).item() == exactly(0.5)
    assert Correlation()(student.T, teacher.T).item() == exactly(0.5)


@pytest.mark.parametrize(("distance", "similarity"), [(Cosine(), cos), (Pearson(), rho)], ids=["cosine", "pearson"])
def test_cosine_and_pearson_compare_each_flattened_sample(
    student: Tensor, teacher: Tensor, distance: Distance, similarity: Callable[[Vector, Vector], float]
) -> None:
    expected = [1 - similarity(student[n].flatten().tolist(), teacher[n].flatten().tolist()) for n in range(3)]
    assert distance(student, teacher).item() == exactly(mean(expected))


def test_correlation_compares_each_dimension_over_the_batch(student: Tensor, teacher: Tensor) -> None:
    s, t = student.flatten(1), teacher.flatten(1)
    expected = [1 - rho(s[:, i].tolist(), t[:, i].tolist()) for i in range(40)]
    assert Correlation()(student, teacher).item() == exactly(mean(expected))


def test_small_vectors_feel_the_1e_8_of_dist() -> None:
    tiny = tensor([1e-4, 0])
    assert Cosine()(tiny, tiny).item() == exactly(0.5)  # 1 - 1e-8 / (1e-8 + 1e-8)


def test_what_does_not_vary_counts_as_uncorrelated() -> None:
    flat, varied = torch.ones(4, 3, dtype=torch.float64), tensor([1, 2, 4], [3, 3, 9], [0, 1, 0], [2, 2, 1])
    for distance in (Pearson(), Correlation()):
        assert distance(flat, flat).item() == exactly(1)
    assert Pearson()(flat, varied).item() == exactly(1)
    assert Correlation()(varied[:1], varied[:1]).item() == exactly(1)


@pytest.mark.parametrize("axes", [(), (1, 1)])
def test_a_simplex_without_axes_or_with_one_twice_is_refused(axes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"simplex must name one or more different axes, got \("):
        KL(simplex=axes)


@pytest.mark.parametrize("axes", [(2,), (-1,), (1, 3)])
def test_a_simplex_over_axes_that_are_not_there_is_refused(axes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"simplex must name axes from 0 to 1 of shape \(1, 2\), got"):
        KL(axes)(tensor([1, 2]), tensor([1, 2]))


def test_euclid_is_the_mean_length_of_the_difference() -> None:
    student = tensor([0.0, 0.0], [1.0, 1.0]).view(2, 2)
    teacher = tensor([3.0, 4.0], [1.0, 2.0]).view(2, 2)
    assert Euclid()(student, teacher).item() == exactly((5 + 1) / 2)


def test_row_l2_is_l2_times_the_length_of_a_row(student: Tensor, teacher: Tensor) -> None:
    total = sum((a - b) ** 2 for a, b in zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True))
    assert RowL2()(student, teacher).item() == exactly(total / (3 * 4 * 2))
    assert RowL2()(student, teacher).item() == exactly(5 * L2()(student, teacher).item())
