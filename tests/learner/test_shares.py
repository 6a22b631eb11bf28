"""Shares of the gradient: what they are, and that measuring them changes nothing."""

import copy
from itertools import islice
from typing import Any

import pytest
import torch

from uniads import build
from uniads.distiller.base import Context
from uniads.distiller.composed import Composed
from uniads.learner.learner import Learner
from uniads.learner.shares import MeasureShares, measure_shares
from uniads.model.base import knowledge_of


def made(option: str, dtype: torch.dtype = torch.float32, **more: Any) -> tuple[Learner, Any]:
    torch.manual_seed(0)
    data = build("data", "digits")
    batch = next(iter(islice(data.train(16), 1)))
    student, teacher = (build("model", "resnet8", num_classes=10, in_channels=1) for _ in range(2))
    distiller = build("distiller", option, **more)
    distiller.adapt(Context.of(student, teacher, batch.image[:2], label=data.label(train=True), batch_size=16))
    learner = Learner(student, distiller, build("recipe", "quick"), 3, 10, teacher, dtype=dtype)
    return learner.train(), batch


def shares_by_hand(learner: Learner, batch: Any, teacher: Any) -> dict[str, float]:
    norms = {}
    for name in ("task", *learner.distiller.terms()):
        student, distiller = copy.deepcopy((learner.student, learner.distiller))
        known = student(batch.image)
        task = distiller.task * torch.nn.functional.cross_entropy(known.logits, batch.label)
        loss = task if name == "task" else distiller(known, knowledge_of(teacher, batch.image), batch)[name]
        loss.backward()
        vectors = [p.grad.flatten() for p in student.parameters() if p.grad is not None]
        norms[name] = float(torch.cat(vectors).norm())
    return {name: norm / sum(norms.values()) for name, norm in norms.items()}


@pytest.mark.parametrize("option", ["dkd_ls", "cat_kd", "searched", "crd"])
def test_shares_are_norms_of_the_students_gradient(option: str) -> None:
    learner, batch = made(option)
    found = measure_shares(learner, batch)
    wanted = shares_by_hand(learner, batch, learner.teacher.network)
    assert found == pytest.approx(wanted, rel=1e-3)
    assert sum(found.values()) == pytest.approx(1)
    assert set(found) == {"task", *learner.distiller.terms()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shares_are_measured_in_the_precision_of_the_training(dtype: torch.dtype) -> None:
    learner, batch = made("searched", dtype=dtype)
    computed = set()
    for module in learner.student.modules():
        if isinstance(module, torch.nn.Conv2d):  # a copy has the hooks, too
            module.register_forward_hook(lambda _, __, answer: computed.add(answer.dtype))
    assert sum(measure_shares(learner, batch).values()) == pytest.approx(1)
    assert computed == {dtype}


@pytest.mark.parametrize("option", ["searched", "balanced", "crd"])
def test_measuring_changes_neither_networks_nor_draws(option: str) -> None:
    learner, batch = made(option)
    before, drawn = copy.deepcopy(learner.state_dict()), torch.get_rng_state()
    measure_shares(learner, batch)
    after = learner.state_dict()
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if isinstance(value, torch.Tensor) else value == after[key]
        assert same, key
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_a_student_alone_has_no_shares() -> None:
    assert measure_shares(*made("plain")) == {}


def test_a_term_of_twice_the_weight_has_twice_the_gradient() -> None:
    learner, batch = made("kd", task=1.0, logits={"weight": 1})
    once = measure_shares(learner, batch)
    assert isinstance(learner.distiller, Composed)
    twice = measure_shares(made("kd", task=1.0, logits={"weight": 2})[0], batch)
    assert twice["logits"] / twice["task"] == pytest.approx(2 * once["logits"] / once["task"], rel=1e-4)


def test_a_resumed_mean_goes_on() -> None:
    first, second = MeasureShares(), MeasureShares()
    first.means, first._epochs = {"task": 0.25, "logits": 0.75}, 2
    second.load_state_dict(first.state_dict())
    assert (second.means, second._epochs) == (first.means, 2)
