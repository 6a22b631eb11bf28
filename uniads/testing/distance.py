"""What every distance promises."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance
from uniads.error import UserError
from uniads.testing.promise import judge, require

Make = Callable[[], Distance]

SHAPES = ((4, 5), (4, 5, 7), (4, 5, 3, 2))
EXTREMES = (0.0, -1e-45, 1e-22, 1e-8, 3.0, -1e4, 1e14, -3e38, 3.4e38, 88.0, 1e-12, -1e30)
"""Finite values of float32, side by side."""


def check_distance(make: Make) -> None:
    """Check all promises of a distance.

    Args:
        make: makes one, such as ``lambda: MyDistance(power=3)``; called once for each promise.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make)


def draw_pair(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A student's view and a teacher's, always the same for one shape."""
    both = torch.randn((2, *shape), generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype)
    return both[0], both[1]


def is_a_finite_scalar_of_at_least_0(make: Make) -> None:
    """It is a finite scalar of at least 0 with finite gradients, for a batch of one, too."""
    distance = make()
    name = type(distance).__name__
    require(isinstance(distance, Distance), f"{name} must be a uniads.distance.base.Distance")
    for shape, n in product(SHAPES, (1, 4)):
        value, *gradients = _value_and_gradients(distance, *draw_pair(n, *shape[1:]))
        case = f"for shape {(n, *shape[1:])}"
        require(value.shape == (), f"{name} must be a scalar, got shape {tuple(value.shape)} {case}")
        require(value.isfinite(), f"{name} must be finite, got {value} {case}")
        require(value >= 0, f"{name} must not be negative, got {value:g} {case}")
        finite = all(gradient.isfinite().all() for gradient in gradients)
        require(finite, f"the gradients of {name} must be finite {case}")


def falls_along_its_gradient(make: Make) -> None:
    """A student that takes a small step against the gradient comes closer."""
    distance = make()
    name = type(distance).__name__
    for shape in SHAPES:
        student, teacher = draw_pair(*shape)
        before, gradient, _ = _value_and_gradients(distance, student, teacher)
        require(gradient.abs().sum() > 0, f"{name} must have a gradient for the student, for shape {shape}")
        closer = distance(student - 1e-3 * gradient, teacher) < before
        require(closer, f"{name} must fall where the student follows its gradient, for shape {shape}")


def has_the_gradient_of_its_value(make: Make) -> None:
    """The gradient is that of the value, by finite differences."""
    distance = make()
    student, teacher = draw_pair(3, 4, 2)
    right = torch.autograd.gradcheck(
        lambda s: distance(s, teacher), (student.requires_grad_(),), fast_mode=True, raise_exception=False
    )
    require(right, f"the gradient of {type(distance).__name__} must be that of its value")


def is_smallest_at_equality(make: Make) -> None:
    """Among all orders of the teacher's classes the teacher's own is the closest."""
    distance = make()
    for shape in SHAPES:
        _, teacher = draw_pair(*shape)
        equal = distance(teacher, teacher)
        for shift in range(1, shape[1]):
            other = distance(teacher.roll(shift, 1), teacher)
            sentence = f"{type(distance).__name__} must be smallest where the student equals the teacher, got"
            require(equal < other, f"{sentence} {equal:g} there and {other:g} with the classes in another order")


def is_zero_at_equality(make: Make) -> None:
    """The distance of a teacher to itself is 0, if not of any teacher then of one that is certain of its classes."""
    distance = make()
    _, ordinary = draw_pair(4, 5)
    certain = 1e3 * F.one_hot(torch.arange(4), 5).double()
    values = [abs(distance(teacher, teacher).item()) for teacher in (ordinary, certain)]
    name = type(distance).__name__
    require(min(values) < 1e-7, f"{name} must be 0 where the student equals the teacher, got {values[0]:g}")


def is_finite_for_any_float32(make: Make) -> None:
    """Value and gradients are finite for any finite float32 values, however large or small."""
    distance = make()
    row = torch.tensor(EXTREMES)
    for n in (1, 3):
        kinds = [torch.full((n, 4, 3), fill) for fill in (0.0, 1e-38, -1e-38, 1.0, 1e15, 1e30, 3e38, -3e38)]
        kinds += [x.expand(n, 12).reshape(n, 4, 3) for x in (row, row.flip(0))]
        kinds.append(torch.stack([row.roll(i) for i in range(n)]).reshape(n, 4, 3))
        for student, teacher in product(kinds, kinds):
            _require_finite(distance, student, teacher)
    large = torch.full((2, 64, 128, 64), 3e38)
    _require_finite(distance, large, -large)


def computes_in_float32_at_least(make: Make) -> None:
    """Half-precision inputs give a float32 value that agrees with float64; float64 stays float64."""
    distance = make()
    name = type(distance).__name__
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        student, teacher = draw_pair(4, 5, dtype=dtype)
        value, exact = distance(student, teacher), distance(student.double(), teacher.double())
        require(value.dtype == torch.float32, f"{name} must give float32 for {dtype}, got {value.dtype}")
        close = abs(value.item() - exact.item()) <= 1e-5 * abs(exact.item())
        require(close, f"{name} must compute {dtype} in float32, got {value:g}, and {exact:g} in float64")
    exact = distance(*draw_pair(4, 5))
    require(exact.dtype == torch.float64, f"{name} must give float64 for float64, got {exact.dtype}")


def ignores_the_order_of_the_images(make: Make) -> None:
    """The order of the images in the batch does not matter."""
    distance = make()
    for shape in SHAPES:
        student, teacher = draw_pair(*shape)
        same = torch.allclose(
            distance(student.flip(0), teacher.flip(0)), distance(student, teacher), rtol=1e-7, atol=1e-7
        )
        require(same, f"{type(distance).__name__} must not depend on the order of the images, for shape {shape}")


def is_a_mean_over_the_batch(make: Make) -> None:
    """A batch that holds every image twice is at the same distance."""
    distance = make()
    student, teacher = draw_pair(4, 5)
    once, twice = distance(student, teacher), distance(student.repeat(2, 1), teacher.repeat(2, 1))
    same = torch.allclose(twice, once, rtol=1e-7, atol=1e-7)
    require(same, f"{type(distance).__name__} must be a mean over the batch, got {once:g}, and {twice:g} for it twice")


def is_deterministic(make: Make) -> None:
    """Two calls agree, and the inputs stay as they are."""
    distance = make()
    name = type(distance).__name__
    student, teacher = draw_pair(4, 5)
    before = student.clone(), teacher.clone()
    require(torch.equal(distance(student, teacher), distance(student, teacher)), f"{name} must give the same twice")
    left = torch.equal(student, before[0]) and torch.equal(teacher, before[1])
    require(left, f"{name} must leave its inputs as they are")


def has_no_trained_state(make: Make) -> None:
    """There are no parameters and no state."""
    distance = make()
    require(not list(distance.parameters()), f"{type(distance).__name__} must have no parameters")
    require(not distance.state_dict(), f"{type(distance).__name__} must have no state")


def takes_distributions(make: Make) -> None:
    """``on(None)`` changes nothing; ``on((1,))`` compares distributions: finite, at least 0, smallest at equality."""
    distance = make()
    name = type(distance).__name__
    student, teacher = draw_pair(4, 5)
    same = torch.equal(distance.on(None)(student, teacher), distance(student, teacher))
    require(same, f"{name}.on(None) must leave the distance as it is")
    s, t = student.softmax(1), teacher.softmax(1)
    value, equal = distance.on((1,))(s, t), distance.on((1,))(t, t)
    require(value.isfinite(), f"{name}.on((1,)) must be finite for distributions, got {value}")
    require(0 <= equal <= value, f"{name}.on((1,)) must be smallest where the student equals the teacher")


def refuses_unequal_shapes(make: Make) -> None:
    """Unequal shapes, and batches without another axis, are refused."""
    distance = make()
    name = type(distance).__name__
    for student, teacher in (((4, 5), (4, 6)), ((4, 5), (3, 5)), ((4, 5), (4, 5, 1)), ((4,), (4,))):
        try:
            distance(torch.zeros(student), torch.zeros(teacher))
        except UserError as error:
            says = f"{name} compares equal shapes of rank 2 or more, got" in str(error)
            require(says and "align them first" in str(error), f"{name} must say what it compares, got {str(error)!r}")
        else:
            raise AssertionError(f"{name} must refuse the shapes {student} and {teacher}")


PROMISES: tuple[Callable[[Make], None], ...] = (
    is_a_finite_scalar_of_at_least_0,
    falls_along_its_gradient,
    has_the_gradient_of_its_value,
    is_smallest_at_equality,
    is_zero_at_equality,
    is_finite_for_any_float32,
    computes_in_float32_at_least,
    ignores_the_order_of_the_images,
    is_a_mean_over_the_batch,
    is_deterministic,
    has_no_trained_state,
    takes_distributions,
    refuses_unequal_shapes,
)
"""Each takes a function that makes a distance, and raises an AssertionError where it is broken."""


def _require_finite(distance: Distance, student: Tensor, teacher: Tensor) -> None:
    for found in _value_and_gradients(distance, student, teacher):
        sentence = f"{type(distance).__name__} and its gradients must be finite for any finite float32 values"
        require(found.isfinite().all(), f"{sentence}, for the student {student} and the teacher {teacher} got {found}")


def _value_and_gradients(distance: Distance, student: Tensor, teacher: Tensor) -> list[Tensor]:
    """The distance and its gradients; zeros for a teacher that the distance does not differentiate."""
    s, t = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    value = distance(s, t)
    require(value.requires_grad, f"{type(distance).__name__} must be differentiable by the student")
    if value.ndim:
        return [value.detach(), torch.zeros_like(s), torch.zeros_like(t)]
    found = torch.autograd.grad(value, (s, t), materialize_grads=True, allow_unused=True)
    return [value.detach(), *found]
