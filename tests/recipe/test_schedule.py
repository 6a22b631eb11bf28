"""The learning rate of each step."""

from math import cos, pi
from typing import Any

import pytest
import torch
from torch import nn

from tests.recipe.test_recipe import recipe

STEPS = 10


def rates(epochs: int = 10, **more: Any) -> list[float]:
    """The learning rate of each step, as a share of the first one's."""
    made = recipe(**more)
    optimizer = made.build_optimizer([nn.Parameter(torch.zeros(1))])
    schedule = made.build_scheduler(optimizer, epochs, STEPS)
    found = []
    for step in range(epochs * STEPS):
        found.append(optimizer.param_groups[0]["lr"] / made.lr)
        optimizer.step()
        if made.stepwise or step % STEPS == STEPS - 1:
            schedule.step()
    found.append(optimizer.param_groups[0]["lr"] / made.lr)
    return found


def test_a_cosine_goes_from_all_to_nothing() -> None:
    found = rates(schedule="cosine")
    assert found == pytest.approx([(1 + cos(pi * s / 100)) / 2 for s in range(101)], abs=1e-12)
    assert found[0] == 1
    assert found[-1] == pytest.approx(0, abs=1e-12)


def test_a_warm_up_rises_in_a_line_and_the_cosine_begins_at_its_end() -> None:
    found = rates(schedule="cosine", warmup=2)
    assert found[:20] == pytest.approx([(s + 1) / 20 for s in range(20)])
    assert found[20:] == pytest.approx([(1 + cos(pi * s / 80)) / 2 for s in range(81)], abs=1e-12)


def test_milestones_after_a_warm_up_are_those_without_one() -> None:
    warm, cold = rates(warmup=1), rates()
    assert warm[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert warm[10:] == pytest.approx(cold[10:])
    assert cold == pytest.approx([1.0] * 40 + [0.1] * 40 + [0.01] * 21)


def test_epochs_and_their_share_are_the_same_warm_up() -> None:
    assert rates(warmup=2) == rates(warmup=0.2)


@pytest.mark.parametrize("schedule", ["cosine", "multistep"])
def test_a_shorter_training_squeezes_all_of_it(schedule: str) -> None:
    long, short = (rates(epochs, schedule=schedule, warmup=2) for epochs in (20, 10))
    # The steps between two of the short one lie between their rates.
    assert short[20:] == pytest.approx(long[40::2], abs=1e-12)
    assert short[:20] == pytest.approx(long[1:40:2])


def test_a_schedule_that_goes_on_from_its_state_is_the_same() -> None:
    made = recipe(schedule="cosine", warmup=0.1)
    optimizer = made.build_optimizer([nn.Parameter(torch.zeros(1))])
    schedule = made.build_scheduler(optimizer, 10, STEPS)
    wanted = []
    for step in range(60):
        if step == 30:
            state, lr = schedule.state_dict(), optimizer.state_dict()
        optimizer.step()
        schedule.step()
        wanted += [optimizer.param_groups[0]["lr"]] if step >= 30 else []
    other = made.build_optimizer([nn.Parameter(torch.zeros(1))])
    again = made.build_scheduler(other, 10, STEPS)
    other.load_state_dict(lr)
    again.load_state_dict(state)
    found = []
    for _ in range(30):
        other.step()
        again.step()
        found.append(other.param_groups[0]["lr"])
    assert found == wanted
