"""The running average of a student."""

import pytest
import torch
from torch import nn

from uniads.learner.average import Average


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).double()


def move(student: nn.Module, step: int) -> None:
    with torch.no_grad():
        for weight in student.parameters():
            weight += torch.sin(weight + step)
    student(torch.randn(4, 3, dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.9, 0.3])
def test_weights_and_statistics_follow_the_formula(decay: float) -> None:
    student = network()
    average = Average(student, decay)
    wanted: dict[str, torch.Tensor] = {}
    for step in range(1, 30):
        move(student, step)
        average.update(student, step)
        keep = min(decay, (1 + step) / (10 + step))
        for name, value in student.state_dict().items():
            wanted[name] = keep * wanted[name] + (1 - keep) * value if name in wanted else value.clone()
    found = average.module.state_dict()
    assert found.keys() == wanted.keys()
    for name in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-9, atol=1e-9)


def test_it_is_a_copy_without_gradients() -> None:
    student = network()
    average = Average(student, 0.9)
    move(student, 1)
    assert not torch.equal(average.module[0].weight, student[0].weight)
    assert not any(weight.requires_grad for weight in average.parameters())
    assert all(weight.requires_grad for weight in student.parameters())


def test_a_student_that_stands_still_is_its_average() -> None:
    student = network()
    average = Average(student, 0.999)
    for step in range(1, 50):
        average.update(student, step)
    torch.testing.assert_close(average.module[0].weight, student[0].weight)
