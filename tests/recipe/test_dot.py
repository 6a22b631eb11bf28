"""DOT: one momentum for the task, another one for the distillation."""

import pytest
import torch
from torch import Tensor, nn

from uniads.recipe.dot import DOT

LR, MU, DECAY = 0.1, 0.9, 0.01


def losses(x: Tensor, head: Tensor, adapter: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """A task of x and head, and a distillation of x and adapter."""
    return ((x * head - step) ** 2).sum(), (torch.sin(x + step) * adapter).sum() + (adapter**3).sum()


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(5, generator=generator, dtype=torch.float64)) for _ in range(3)]


def trained(delta: float, steps: int = 4, pieces: int = 1) -> list[Tensor]:
    """The weights after some steps, each loss given in some equal pieces."""
    mine = weights()
    optimizer = DOT(mine, LR, MU, delta, DECAY)
    for step in range(steps):
        optimizer.zero_grad()
        for _ in range(pieces):
            task, distilled = losses(*mine, step)
            optimizer.backward((task + distilled) / pieces, task, distilled)
        optimizer.step()
    return [each.detach() for each in mine]


def plain(steps: int = 4) -> list[Tensor]:
    mine = weights()
    optimizer = torch.optim.SGD(mine, LR, momentum=MU, weight_decay=DECAY)
    for step in range(steps):
        optimizer.zero_grad()
        sum(losses(*mine, step)).backward()  # type: ignore[union-attr]
        optimizer.step()
    return [each.detach() for each in mine]


def test_without_a_difference_it_is_sgd() -> None:
    for ours, theirs in zip(trained(0.0), plain(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_it_is_the_formula() -> None:
    delta = 0.075
    x, head, adapter = (each.detach().clone() for each in weights())
    task = distilled = torch.zeros_like(x)
    alone = [torch.zeros_like(x), torch.zeros_like(x)]
    for step in range(4):
        slope_task, slope_head = 2 * (x * head - step) * head, 2 * (x * head - step) * x
        slope_distilled, slope_adapter = torch.cos(x + step) * adapter, torch.sin(x + step) + 3 * adapter**2
        task = (MU - delta) * task + slope_task + DECAY * x
        distilled = (MU + delta) * distilled + slope_distilled
        alone[0] = MU * alone[0] + slope_head + DECAY * head
        alone[1] = MU * alone[1] + slope_adapter + DECAY * adapter
        x, head, adapter = x - LR * (task + distilled), head - LR * alone[0], adapter - LR * alone[1]
    for ours, wanted in zip(trained(delta), (x, head, adapter), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(trained(delta)[0], plain()[0], rtol=1e-3)


def test_a_step_of_several_batches_is_that_of_their_mean() -> None:
    for whole, pieces in zip(trained(0.075), trained(0.075, pieces=4), strict=True):
        torch.testing.assert_close(whole, pieces, rtol=1e-12, atol=1e-12)


def test_without_distillation_it_is_sgd_and_the_other_momentum_rests() -> None:
    x = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = DOT([x], LR, MU, 0.075, DECAY)
    other = nn.Parameter(x.detach().clone())
    sgd = torch.optim.SGD([other], LR, momentum=MU, weight_decay=DECAY)
    for _ in range(3):
        for mine, made in ((x, optimizer), (other, sgd)):
            made.zero_grad()
            task = (mine**2).sum()
            if isinstance(made, DOT):
                made.backward(task + 0, task, 0)
            else:
                task.backward()
            made.step()
    torch.testing.assert_close(x, other, rtol=1e-12, atol=1e-12)
    assert optimizer.state[x].keys() == {"task_momentum"}


@pytest.mark.parametrize("fused", [False, True])
def test_it_goes_on_from_its_state_to_the_bit(fused: bool) -> None:
    def go(mine: list[nn.Parameter], optimizer: DOT, steps: range) -> None:
        for step in steps:
            optimizer.zero_grad()
            task, distilled = losses(*mine, step)
            optimizer.backward(task + distilled, task, distilled)
            optimizer.step()

    whole = weights()
    go(whole, DOT(whole, LR, MU, 0.075, DECAY, fused), range(6))
    begun = weights()
    first = DOT(begun, LR, MU, 0.075, DECAY, fused)
    go(begun, first, range(3))
    second = DOT(begun, LR, MU, 0.075, DECAY, fused)
    second.load_state_dict(first.state_dict())
    go(begun, second, range(3, 6))
    assert all(torch.equal(ours, wanted) for ours, wanted in zip(begun, whole, strict=True))
