"""What every transform promises."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.testing.promise import judge, require
from uniads.transform.base import LabelTransform, RandomTransform, Transform

Make = Callable[[], Transform]

SHAPES = {1: (4,), 2: (4, 5), 3: (4, 5, 7), 4: (4, 3, 6, 5), 5: (2, 3, 2, 2, 2)}
"""A shape of each rank."""


def check_transform(make: Make) -> None:
    """Check all promises of a transform.

    Args:
        make: makes one, such as ``lambda: MyTransform(tau=2.0)``; called once for each promise.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make)


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal values, always the same for one shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)


def look(transform: Transform, x: Tensor) -> Tensor:
    """The view; one that looks at labels is given the classes 0, 1, ... of axis 1, in turn."""
    label = torch.arange(len(x)) % x.shape[min(1, x.ndim - 1)] if isinstance(transform, LabelTransform) else None
    view: Tensor = transform(x, label)
    return view


def declares_ranks(make: Make) -> None:
    """The ranks that are taken and returned are declared, each from 2 to 4."""
    transform = make()
    name, ranks = type(transform).__name__, transform.ranks
    require(isinstance(transform, Transform), f"{name} must be a uniads.transform.base.Transform")
    require(ranks, f"{name}.ranks must hold at least one rank that the transform takes")
    every = set(ranks) | set(ranks.values())
    require(every <= {2, 3, 4}, f"{name}.ranks must hold ranks from 2 to 4, got {sorted(every)}")


def returns_the_declared_rank(make: Make) -> None:
    """Each rank that is taken gives the declared rank and one view an image, for a batch of one, too."""
    transform = make()
    name = type(transform).__name__
    for rank, returned in transform.ranks.items():
        for shape in (SHAPES[rank], (1, *SHAPES[rank][1:])):
            view = look(transform, draw(*shape))
            got = f"got {tuple(view.shape)} for an input of shape {shape}"
            require(view.ndim == returned, f"{name} must return the declared rank {returned}, {got}")
            require(view.shape[0] == shape[0], f"{name} must return one view for each image of the batch, {got}")


def keeps_the_dtype(make: Make) -> None:
    """The view has the dtype of the input, and float32 agrees with float64."""
    transform = make()
    name = type(transform).__name__
    for rank in transform.ranks:
        x = draw(*SHAPES[rank], dtype=torch.float32)
        exact = look(transform, x.double())
        for dtype in (torch.float32, torch.float64):
            view = look(transform, x.to(dtype))
            require(view.dtype == dtype, f"{name} must return {dtype} for {dtype}, got {view.dtype}")
            close = torch.allclose(view, exact.to(dtype), rtol=1e-4, atol=1e-5)
            require(close, f"{name} must give the same in {dtype} as in float64, up to 1e-4, for rank {rank}")


def is_finite(make: Make) -> None:
    """Value and gradient are finite for finite inputs of ordinary size, constant ones and a batch of one included."""
    transform = make()
    name = type(transform).__name__
    for rank in transform.ranks:
        for n in (1, 4):
            for x in (draw(n, *SHAPES[rank][1:]), torch.ones(n, *SHAPES[rank][1:])):
                for size in (0.0, 1e-30, 1.0, 1e3):
                    case = f"for a batch of {n} of rank {rank} and values of size {size:g}"
                    scaled = (x * size).float()
                    require(look(transform, scaled).isfinite().all(), f"{name} must be finite {case}")
                    finite = _gradient(transform, scaled).isfinite().all()
                    require(finite, f"the gradient of {name} must be finite {case}")


def has_the_gradient_of_its_value(make: Make) -> None:
    """The gradient is that of the value, by finite differences."""
    transform = make()
    for rank in transform.ranks:
        x = draw(*(3, 2, 3, 4)[:rank]).requires_grad_()
        right = torch.autograd.gradcheck(partial(look, transform), (x,), fast_mode=True, raise_exception=False)
        require(right, f"the gradient of {type(transform).__name__} must be that of its value, for rank {rank}")


def is_deterministic(make: Make) -> None:
    """Two calls agree, and the input stays as it is."""
    transform = make()
    name = type(transform).__name__
    for rank in transform.ranks:
        x = draw(*SHAPES[rank])
        before = x.clone()
        first = look(transform, x).clone()
        require(torch.equal(look(transform, x), first), f"{name} must give the same twice, for rank {rank}")
        require(torch.equal(x, before), f"{name} must leave its input as it is, for rank {rank}")


def has_no_mode(make: Make) -> None:
    """Training and evaluation see the same."""
    transform = make()
    for rank in transform.ranks:
        x = draw(*SHAPES[rank])
        same = torch.equal(look(transform.train(), x), look(transform.eval(), x))
        require(same, f"{type(transform).__name__} must give the same in training and in evaluation")


def has_no_trained_state(make: Make) -> None:
    """There are no parameters and no buffers; only a random transform has a state, its draw."""
    transform = make()
    name = type(transform).__name__
    require(not list(transform.parameters()), f"{name} must have no parameters")
    require(not list(transform.buffers()), f"{name} must have no buffers")
    stateless = isinstance(transform, RandomTransform) or not transform.state_dict()
    require(stateless, f"{name} must have no state; one that draws is a RandomTransform")


def draws_what_its_state_says(make: Make) -> None:
    """A random transform draws anew after ``redraw``, and a copy with its state draws the same."""
    transform = make()
    if not isinstance(transform, RandomTransform):
        return
    name, rank = type(transform).__name__, next(iter(transform.ranks))
    x = draw(64, *SHAPES[rank][1:])
    first = look(transform, x)
    twin = deepcopy(transform)
    transform.redraw()
    second = look(transform, x)
    require(not torch.equal(second, first), f"{name} must draw anew after redraw()")
    require(torch.equal(look(twin, x), first), f"{name} must draw the same until redraw() is called")
    twin.load_state_dict(transform.state_dict())
    require(torch.equal(look(twin, x), second), f"{name} must draw the same as the transform whose state it loads")


def refuses_other_ranks(make: Make) -> None:
    """Other ranks are refused with the allowed ones."""
    transform = make()
    name = type(transform).__name__
    allowed = " or ".join(map(str, sorted(transform.ranks)))
    for rank in set(SHAPES) - set(transform.ranks):
        try:
            look(transform, draw(*SHAPES[rank]))
        except UserError as error:
            says = f"{name} takes tensors of rank {allowed}, got shape" in str(error)
            require(says, f"{name} must say which ranks it takes, got the message {str(error)!r}")
        else:
            raise AssertionError(f"{name} must refuse rank {rank}, which is none of its ranks {allowed}")


def declares_its_simplex(make: Make) -> None:
    """Where a simplex is declared the views are distributions over its axes; else they are none over axis 1."""
    transform = make()
    name, simplex = type(transform).__name__, transform.simplex
    for rank in transform.ranks:
        view = look(transform, draw(*SHAPES[rank]))
        if simplex is None:
            sums = view.sum(1)
            none = not torch.allclose(sums, torch.ones_like(sums))
            require(none, f"{name} gives distributions over axis 1, so it must declare simplex = (1,)")
            continue
        require((view >= 0).all(), f"{name} declares a simplex, so its views must be 0 or more")
        sums = view.sum(simplex)
        close = torch.allclose(sums, torch.ones_like(sums), rtol=1e-7, atol=1e-7)
        require(close, f"{name} declares a simplex, so its views must sum to 1 over the axes {simplex}")


PROMISES: tuple[Callable[[Make], None], ...] = (
    declares_ranks,
    returns_the_declared_rank,
    keeps_the_dtype,
    is_finite,
    has_the_gradient_of_its_value,
    is_deterministic,
    has_no_mode,
    has_no_trained_state,
    draws_what_its_state_says,
    refuses_other_ranks,
    declares_its_simplex,
)
"""Each takes a function that makes a transform, and raises an AssertionError where it is broken."""


def _gradient(transform: Transform, x: Tensor) -> Tensor:
    """The gradient of a weighted sum of the view; a plain sum is constant for a softmax."""
    x = x.clone().requires_grad_()
    view = look(transform, x)
    (view * draw(*view.shape, dtype=view.dtype)).sum().backward()  # type: ignore[no-untyped-call]
    require(x.grad is not None, f"{type(transform).__name__} must be differentiable")
    assert x.grad is not None
    return x.grad
