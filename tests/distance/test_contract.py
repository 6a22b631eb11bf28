"""What every option of the group keeps to; a new option is picked up from its YAML file."""

import inspect
from functools import cache
from itertools import product

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from uniads import build, options
from uniads.distance.base import LIMIT, Distance
from uniads.options import conf_dir

PUBLISHED = ("smooth_l1", "l1", "l2", "kl", "hard", "cosine", "pearson", "correlation")
SHAPES = [(4, 5), (4, 5, 7), (4, 5, 3, 2)]
every_option = pytest.mark.parametrize("option", options("distance"))


@cache
def distance(option: str) -> Distance:
    """The option as its YAML file describes it."""
    return build("distance", option)


def pair(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A student's view and a teacher's."""
    both = torch.randn((2, *shape), generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype)
    return both[0], both[1]


def value_and_gradients(d: Distance, student: Tensor, teacher: Tensor) -> list[Tensor]:
    """The distance and its gradients; zeros for a teacher that the distance does not differentiate."""
    s, t = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    value = d(s, t)
    found = torch.autograd.grad(value, (s, t), materialize_grads=True, allow_unused=True)
    return [value.detach(), *found]


def test_the_8_published_distances_are_options() -> None:
    assert len(PUBLISHED) == 8
    assert set(PUBLISHED) <= set(options("distance"))


@every_option
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [1, 4])
def test_it_is_a_finite_scalar_that_is_not_negative(option: str, shape: tuple[int, ...], n: int) -> None:
    value, *gradients = value_and_gradients(distance(option), *pair(n, *shape[1:]))
    assert value.shape == ()
    assert value >= 0
    assert value.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


@every_option
@pytest.mark.parametrize("shape", SHAPES)
def test_a_student_that_learns_comes_closer(option: str, shape: tuple[int, ...]) -> None:
    student, teacher = pair(*shape)
    before, gradient, _ = value_and_gradients(distance(option), student, teacher)
    assert gradient.abs().sum() > 0
    assert distance(option)(student - 1e-3 * gradient, teacher) < before


@every_option
def test_the_gradient_is_that_of_the_value(option: str) -> None:
    student, teacher = pair(3, 4, 2)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: distance(option)(s, teacher), (student,), fast_mode=True)


@every_option
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_is_closest_among_all_orders_of_the_classes(option: str, shape: tuple[int, ...]) -> None:
    # The law that ``hard`` shares: it knows the teacher's best class only, so a bolder student is closer still.
    _, teacher = pair(*shape)
    equal = distance(option)(teacher, teacher)
    for shift in range(1, shape[1]):
        assert equal < distance(option)(teacher.roll(shift, 1), teacher)


@every_option
def test_equal_is_at_distance_zero(option: str) -> None:
    if option == "hard":
        teacher = 1e3 * torch.nn.functional.one_hot(torch.arange(4), 5).double()  # certain: the only zero it has
    else:
        _, teacher = pair(4, 5)
    assert distance(option)(teacher, teacher).item() == pytest.approx(0, abs=1e-7)


@every_option
@pytest.mark.parametrize("n", [1, 3])
def test_value_and_gradient_are_finite_on_any_finite_float32(option: str, n: int) -> None:
    kinds = [torch.full((n, 4, 3), fill) for fill in (0.0, 1e-38, -1e-38, 1.0, 1e15, 1e30, 3e38, -3e38)]
    mixed = torch.tensor([0.0, -1e-45, 1e-22, 1e-8, 3.0, -1e4, 1e14, -3e38, 3.4e38, 88.0, 1e-12, -1e30])
    kinds += [mixed.expand(n, 12).reshape(n, 4, 3), mixed.flip(0).expand(n, 12).reshape(n, 4, 3)]
    kinds.append(torch.stack([mixed.roll(i) for i in range(n)]).reshape(n, 4, 3))
    for student, teacher in product(kinds, kinds):
        for found in value_and_gradients(distance(option), student, teacher):
            assert found.isfinite().all(), (student, teacher, found)


@every_option
def test_opposite_extremes_of_a_large_map_do_not_overflow(option: str) -> None:
    student = torch.full((2, 64, 128, 64), 3e38)
    for found in value_and_gradients(distance(option), student, -student):
        assert found.isfinite().all()


def test_squares_at_the_limit_can_be_summed_over_any_real_map() -> None:
    assert torch.finfo(torch.float32).max > (2 * LIMIT) ** 2 * 8e9


@every_option
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_it_computes_in_float32_at_least(option: str, dtype: torch.dtype) -> None:
    student, teacher = pair(4, 5, dtype=dtype)
    value = distance(option)(student, teacher)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(distance(option)(student.double(), teacher.double()).item(), rel=1e-5)


@every_option
def test_it_computes_in_float64_for_float64(option: str) -> None:
    assert distance(option)(*pair(4, 5)).dtype == torch.float64


@every_option
@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_the_samples_does_not_matter(option: str, shape: tuple[int, ...]) -> None:
    student, teacher = pair(*shape)
    torch.testing.assert_close(distance(option)(student.flip(0), teacher.flip(0)), distance(option)(student, teacher))


@every_option
def test_repeating_the_batch_changes_nothing(option: str) -> None:
    # The scaling is a mean: twice the samples are not twice the loss.
    student, teacher = pair(4, 5)
    twice = distance(option)(student.repeat(2, 1), teacher.repeat(2, 1))
    torch.testing.assert_close(twice, distance(option)(student, teacher))


@every_option
def test_two_calls_agree_and_leave_the_inputs_alone(option: str) -> None:
    student, teacher = pair(4, 5)
    before = student.clone(), teacher.clone()
    assert torch.equal(distance(option)(student, teacher), distance(option)(student, teacher))
    assert torch.equal(student, before[0])
    assert torch.equal(teacher, before[1])


@every_option
def test_there_is_no_trained_state(option: str) -> None:
    assert not list(distance(option).parameters())
    assert not distance(option).state_dict()


@every_option
def test_raw_values_leave_the_distance_as_it_is(option: str) -> None:
    student, teacher = pair(4, 5)
    assert torch.equal(distance(option).on(None)(student, teacher), distance(option)(student, teacher))


@every_option
@pytest.mark.parametrize(
    ("student", "teacher"), [((4, 5), (4, 6)), ((4, 5), (3, 5)), ((4, 5), (4, 5, 1)), ((4,), (4,))]
)
def test_unequal_shapes_and_bare_batches_are_refused(
    option: str, student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    name = type(distance(option)).__name__
    with pytest.raises(ValueError, match=rf"{name} compares equal shapes of rank 2 or more, got .*; align them first"):
        distance(option)(torch.zeros(student), torch.zeros(teacher))


@every_option
def test_the_yaml_file_names_every_argument_with_the_default_of_the_class(option: str) -> None:
    # So that the command line can override each one, and Python and Hydra build the same thing.
    named = OmegaConf.to_container(OmegaConf.load(conf_dir() / "distance" / f"{option}.yaml"))
    assert isinstance(named, dict)
    assert named.pop("_target_").startswith("uniads.distance.")
    arguments = inspect.signature(type(distance(option))).parameters.values()
    plain = {a.name: a.default for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD}
    assert set(named) == set(plain)
    for name, default in plain.items():
        value = list(default) if isinstance(default, tuple) else default
        assert value in (inspect.Parameter.empty, named[name])
