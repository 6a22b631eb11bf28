"""Terms that weigh what they say: each moves the student as much as the cross-entropy does, times its weight."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.distiller.balance import STEPS
from uniads.distiller.composed import Composed
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.learner.kept import read_kept
from uniads.model.base import Network
from uniads.training.fit import fit

pytestmark = LIGHTNING
FACTS = {"num_classes": 4, "in_channels": 1}
NODES = ("feature", "embedding", "logits")


def network(seed: int) -> Network:
    torch.manual_seed(seed)
    made: Network = build("model", "resnet8", **FACTS)
    return made


def batch(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(8, 1, 8, 8, generator=generator), torch.arange(8) % 4, torch.arange(8))


def searched(**more: Any) -> Composed:
    made: Composed = build("distiller", "searched", **{"balance": True, **more})
    return made


def norm(loss: Tensor, place: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, place, retain_graph=True)
    return gradient.norm()


def step(distiller: Composed, student: Network, teacher: Network, seed: int) -> tuple[dict[str, Tensor], Knowledge]:
    with torch.no_grad():
        taught = teacher.eval()(batch(seed).image)
    own = student(batch(seed).image)
    return distiller(own, taught, batch(seed)), own


@pytest.mark.parametrize("tau", [1, 8])
@pytest.mark.parametrize("distance", ["l2", "l1", "kl", "cosine", "correlation"])
def test_a_term_of_any_scale_moves_the_student_as_its_weight_says(distance: str, tau: int) -> None:
    """In the first step the factor is that step's own: the term's gradient is weight / total of the task's."""
    places = {f"distance@{node}.distance": distance for node in NODES}
    weights = {"feature.weight": 3, "embedding.weight": 0.1, "logits.weight": 1}
    taus = {f"{node}.tau": tau for node in NODES}
    distiller = searched(task=0.5, **places, **weights, **taus)
    student = network(0)
    terms, own = step(distiller, student, network(1), 0)
    task = norm(F.cross_entropy(own.logits, batch(0).label), own.features[-1])
    total = 0.5 + 3 + 0.1 + 1
    assert distiller.task == pytest.approx(0.5 / total)
    for node in NODES:
        moved = norm(terms[node], own.features[-1]) / task
        assert moved.item() == pytest.approx(weights[f"{node}.weight"] / total, rel=1e-4)


@pytest.mark.parametrize("tap", [0, 1, 2, 3])
def test_a_term_of_an_early_map_is_measured_there(tap: int) -> None:
    distiller = searched(**{"feature.tap": tap, "embedding.weight": 0, "logits.weight": 0})
    terms, own = step(distiller, network(0), network(1), 0)
    place = own.features[tap]
    task = F.cross_entropy(own.logits, batch(0).label)
    assert (norm(terms["feature"], place) / norm(task, place)).item() == pytest.approx(0.5, rel=1e-4)


def test_factors_are_ratios_of_sums_and_frozen_after_some_steps() -> None:
    distiller, student, teacher = searched(), network(0), network(1)
    sums = {node: [0.0, 0.0] for node in NODES}
    unscaled = searched(balance=False)
    for number in range(STEPS + 3):
        before = dict(distiller.factors)
        terms, own = step(distiller, student, teacher, number)
        plain, own = step(unscaled, student, teacher, number)
        if number < STEPS:
            task = F.cross_entropy(own.logits, batch(number).label)
            for node in NODES:
                sums[node][0] += norm(task, own.features[-1]).item()
                sums[node][1] += norm(plain[node], own.features[-1]).item()
                assert distiller.factors[node] == pytest.approx(sums[node][0] / sums[node][1], rel=1e-3)
        else:
            assert distiller.factors == before
        assert distiller.settled == (number >= STEPS - 1)
        total = 1 + 3
        for node in NODES:
            expected = plain[node].item() * distiller.factors[node] / total
            assert terms[node].item() == pytest.approx(expected, rel=1e-4)


def test_measuring_leaves_the_gradients_of_a_step_alone() -> None:
    student, teacher = network(0), network(1)
    terms, own = step(searched(), student, teacher, 0)
    assert all(weight.grad is None for weight in student.parameters())
    sum(terms.values(), F.cross_entropy(own.logits, batch(0).label)).backward()
    assert all(weight.grad is not None for weight in student.parameters())


def test_without_gradients_nothing_is_measured() -> None:
    distiller = searched()
    with torch.no_grad():
        step(distiller, network(0), network(1), 0)
    assert distiller.factors == dict.fromkeys(NODES, 1.0)


def test_a_term_without_a_gradient_counts_nothing() -> None:
    """A distance of what the student can't move: here of maps that a ReLU has closed for good."""
    distiller = searched(**{"transform@feature.transform.first": "relu"})
    student, teacher = network(0), network(1)
    taught = teacher.eval()(batch(0).image)
    own = student(batch(0).image)
    closed = own._replace(features=(*own.features[:-1], own.features[-1] * 0 - 1))
    terms = distiller(closed, taught, batch(0))
    assert terms["feature"].item() == 0
    assert all(value.isfinite() for value in terms.values())


def test_two_tensors_are_balanced_by_their_logits() -> None:
    student, teacher = torch.randn(4, 10, requires_grad=True), torch.randn(4, 10)
    label = torch.arange(4)
    (term,) = build("distiller", "kd", balance=True)(student, teacher, (torch.zeros(4, 1, 8, 8), label)).values()
    ratio = norm(term, student) / norm(F.cross_entropy(student, label), student)
    assert ratio.item() == pytest.approx(0.9, rel=1e-4)


def test_a_balanced_distiller_asks_for_labels_and_for_something_to_learn() -> None:
    student = torch.randn(4, 10, requires_grad=True)
    with pytest.raises(UserError, match=r"a balanced distiller measures .* call distiller\(student, teacher, batch\)"):
        build("distiller", "kd", balance=True)(student, torch.randn(4, 10))
    with pytest.raises(UserError, match=r"all terms are 0, so there is nothing to learn"):
        build("distiller", "simkd", **{"simkd.weight": 0})
    with pytest.raises(UserError, match=r"all terms are 0, so there is nothing to learn"):
        build("distiller", "kd", balance=True, task=0, **{"logits.weight": 0})


@pytest.mark.parametrize("task", [0.1, 1, 5])
def test_without_terms_it_is_plain_whatever_the_task_weighs(task: float) -> None:
    distiller = searched(task=task, **{f"{node}.weight": 0 for node in NODES})
    assert (distiller.task, distiller.needs_teacher, distiller.settled) == (1.0, False, True)


def test_the_formula_says_that_it_is_balanced() -> None:
    text = build("distiller", "kd", balance=True).formula()
    assert text.startswith("(0.1 * cross-entropy + 0.9 * 4² * KL(")
    assert text.endswith(") / 1, each term in units of the cross-entropy's gradient")


BALANCED = ("distiller=searched", "distiller.balance=true", "recipe.batch_size=32", "trial=true")


def test_factors_are_kept_across_interruptions_and_told(tmp_path: Path) -> None:
    """An epoch has 9 steps, so that the first rung ends before the factors are frozen."""
    first = fit(small(tmp_path / "parts", *BALANCED, "stop_epoch=1"))
    parts = fit(small(tmp_path / "parts", *BALANCED))
    whole = fit(small(tmp_path / "whole", *BALANCED))
    assert parts.factors == whole.factors != first.factors
    assert (parts.val_loss, parts.train_loss) == (whole.val_loss, whole.train_loss)
    numbers = whole.numbers()
    assert {f"factor/{node}": factor for node, factor in whole.factors.items()}.items() <= numbers.items()
    state = read_kept(tmp_path / "whole" / "last.ckpt")["state_dict"]
    assert state["distiller.balance._extra_state"] == {"steps": STEPS}


def test_published_methods_are_unbalanced(tmp_path: Path) -> None:
    outcome = fit(small(tmp_path / "run", "distiller=kd", "trial=true", "stop_epoch=1"))
    assert outcome.factors == {}
    assert not [name for name in outcome.numbers() if "factor" in name]
