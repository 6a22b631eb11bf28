"""What every option of the group keeps to; a new option is picked up from its YAML file."""

import inspect
from functools import cache

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from uniads import build, options
from uniads.options import conf_dir
from uniads.transform.base import RandomTransform, Transform

# fmt: off
PUBLISHED = {
    "identity", "batchnorm", "scale", "min_max", "multi_scale", "scale_r1", "scale_r2", "scale_r4", "local_s1",
    "local_s2", "local_s4", "batch", "channel", "drop", "mask", "satt", "natt", "catt", "bmm", "mm", "norm_hw",
    "norm_c", "norm_n", "softmax_c", "softmax_n", "softmax_hw", "exp", "relu", "tanh", "sigmoid", "pow2",
}
# fmt: on
SHAPES = {1: (4,), 2: (4, 5), 3: (4, 5, 7), 4: (4, 3, 6, 5), 5: (2, 3, 2, 2, 2)}
every_option = pytest.mark.parametrize("option", options("transform"))


@cache
def transform(option: str) -> Transform:
    """The option as its YAML file describes it."""
    return build("transform", option)


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)


def gradient(t: Transform, x: Tensor) -> Tensor:
    """The gradient of a weighted sum of the view; a plain sum is constant for a softmax."""
    x = x.clone().requires_grad_()
    view = t(x)
    (view * draw(*view.shape, dtype=view.dtype)).sum().backward()
    assert x.grad is not None
    return x.grad


def test_the_31_published_transforms_are_options() -> None:
    assert len(PUBLISHED) == 31
    assert set(options("transform")) >= PUBLISHED


@every_option
def test_it_takes_maps_or_says_which_ranks(option: str) -> None:
    ranks = transform(option).ranks
    assert ranks
    assert 4 in ranks
    assert set(ranks) | set(ranks.values()) <= {2, 3, 4}


@every_option
def test_each_accepted_rank_gives_the_declared_rank_and_keeps_the_batch(option: str) -> None:
    for rank, returned in transform(option).ranks.items():
        for shape in (SHAPES[rank], (1, *SHAPES[rank][1:])):
            view = transform(option)(draw(*shape))
            assert view.ndim == returned, shape
            assert view.shape[0] == shape[0]


@every_option
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_dtype_is_kept_and_float32_agrees_with_float64(option: str, dtype: torch.dtype) -> None:
    for rank in transform(option).ranks:
        x = draw(*SHAPES[rank], dtype=torch.float32)
        view = transform(option)(x.to(dtype))
        assert view.dtype == dtype
        torch.testing.assert_close(view, transform(option)(x.double()).to(dtype), rtol=1e-4, atol=1e-5)


@every_option
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e3])
def test_value_and_gradient_are_finite(option: str, n: int, size: float) -> None:
    for rank in transform(option).ranks:
        for x in (draw(n, *SHAPES[rank][1:]), torch.ones(n, *SHAPES[rank][1:])):
            x = (x * size).float()
            assert transform(option)(x).isfinite().all(), (rank, x)
            assert gradient(transform(option), x).isfinite().all(), (rank, x)


@every_option
def test_the_gradient_is_that_of_the_value(option: str) -> None:
    for rank in transform(option).ranks:
        x = draw(*(3, 2, 3, 4)[:rank]).requires_grad_()
        assert torch.autograd.gradcheck(transform(option), (x,), fast_mode=True)


@every_option
def test_two_calls_agree_and_leave_the_input_alone(option: str) -> None:
    for rank in transform(option).ranks:
        x = draw(*SHAPES[rank])
        before = x.clone()
        first = transform(option)(x).clone()
        assert torch.equal(transform(option)(x), first)
        assert torch.equal(x, before)


@every_option
def test_training_and_evaluation_see_the_same(option: str) -> None:
    t = transform(option)
    x = draw(*SHAPES[4])
    assert torch.equal(t.train()(x), t.eval()(x))


@every_option
def test_there_is_no_trained_state(option: str) -> None:
    t = transform(option)
    assert not list(t.parameters())
    assert not list(t.buffers())
    assert isinstance(t, RandomTransform) or not t.state_dict()


@every_option
def test_other_ranks_are_refused_with_the_allowed_ones(option: str) -> None:
    t = transform(option)
    for rank in set(SHAPES) - set(t.ranks):
        allowed = " or ".join(map(str, sorted(t.ranks)))
        with pytest.raises(ValueError, match=rf"{type(t).__name__} takes tensors of rank {allowed}, got shape"):
            t(draw(*SHAPES[rank]))


@every_option
def test_a_declared_simplex_holds_distributions(option: str) -> None:
    t = transform(option)
    if t.simplex is None:
        sums = t(draw(*SHAPES[4])).sum(1)
        assert not torch.allclose(sums, torch.ones_like(sums))
        return
    for rank in t.ranks:
        view = t(draw(*SHAPES[rank]))
        assert (view >= 0).all()
        torch.testing.assert_close(view.sum(t.simplex), torch.ones_like(view.sum(t.simplex)))


def test_vectors_count_as_maps_of_one_position() -> None:
    takes_both = [option for option in options("transform") if {2, 4} <= set(transform(option).ranks)]
    takes_both.remove("mask")  # which says why it differs
    assert len(takes_both) >= 23
    x = draw(*SHAPES[2])
    for option in takes_both:
        of_vector, of_map = transform(option)(x), transform(option)(x[:, :, None, None])
        torch.testing.assert_close(of_vector.flatten(), of_map.flatten(), msg=option)


@every_option
def test_the_yaml_file_names_every_argument_with_the_default_of_the_class(option: str) -> None:
    # So that the command line can override each one, and Python and Hydra build the same thing.
    named = OmegaConf.to_container(OmegaConf.load(conf_dir() / "transform" / f"{option}.yaml"))
    assert isinstance(named, dict)
    assert named.pop("_target_").startswith("uniads.transform.")
    arguments = inspect.signature(type(transform(option))).parameters.values()
    plain = {a.name: a.default for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD}
    assert set(named) == set(plain)
    for name, default in plain.items():
        value = list(default) if isinstance(default, tuple) else default
        assert value in (inspect.Parameter.empty, named[name])
