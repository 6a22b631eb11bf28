"""CTKD: Hinton's loss at a temperature that is trained against the student."""

from math import cos, pi
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.distiller.logits import adapted, drawn, finite_at_extremes, labels, said, value_of
from tests.journey import LIGHTNING, small
from uniads import build
from uniads.distiller.ctkd import CTKD
from uniads.error import UserError
from uniads.knowledge import Batch
from uniads.training.fit import fit

pytestmark = LIGHTNING


def kd(student: Tensor, teacher: Tensor, theta: Tensor) -> Tensor:
    tau = 1 + 20 / (1 + (-theta).exp())
    p, q = ((z / tau).exp() for z in (teacher, student))
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    return tau**2 * (p * (p.log() - q.log())).sum() / len(p)


@pytest.mark.parametrize("theta", [1.0, -2.0, 5.0])
@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("epoch", [0, 4, 9, 200])
def test_ctkd_is_its_formula_and_the_temperatures_gradient_is_reversed(theta: float, n: int, epoch: int) -> None:
    term = adapted(CTKD(weight=0.9, start=theta)).double()
    term.set_epoch(epoch, 240)
    student, teacher = drawn(0, n).requires_grad_(), drawn(1, n)
    value = value_of(term, student, teacher, labels(n))
    mine = torch.autograd.grad(value, [student, term.theta])
    alone = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    wanted = 0.9 * kd(student, teacher, alone)
    ours, other = torch.autograd.grad(wanted, [student, alone])
    reversal = -(1 - cos(pi * min((epoch + 1) / 10, 1))) / 2  # the authors' epochs count from 1
    torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mine[0], ours, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mine[1], reversal * other, rtol=1e-9, atol=1e-9)
    assert mine[1] != 0


@pytest.mark.parametrize(
    ("ramp", "epochs", "reversals"),
    [
        (10 / 240, 240, {0: -0.0244717, 4: -0.5, 8: -0.9755283, 9: -1, 100: -1}),  # as the authors train
        (10 / 240, 48, {0: -0.5, 1: -1}),
        (10 / 240, 1, {0: -1}),
        (0, 240, {0: -1}),
    ],
)
def test_the_curriculum_is_a_share_of_the_schedule(ramp: float, epochs: int, reversals: dict[int, float]) -> None:
    term = CTKD(ramp=ramp)
    for epoch, reversal in reversals.items():
        term.set_epoch(epoch, epochs)
        assert term.reversal == pytest.approx(reversal, abs=2e-5)


def test_a_step_of_the_optimizer_makes_the_task_harder() -> None:
    term = adapted(CTKD()).double()
    student, teacher, label = drawn(0), drawn(1), labels()
    optimizer = torch.optim.SGD(term.parameters(), 0.01)
    before = value_of(term, student, teacher, label)
    before.backward()
    optimizer.step()
    assert value_of(term, student, teacher, label) > before


def test_the_temperature_begins_as_the_authors_does_and_stays_within_its_bounds() -> None:
    term = CTKD()
    assert term.temperature.item() == pytest.approx(15.6212, abs=1e-4)
    for theta in (-1e4, 1e4):
        torch.nn.init.constant_(term.theta, theta)
        assert 1 <= term.temperature <= 21
    assert [(name, p.numel()) for name, p in term.named_parameters()] == [("theta", 1)]


@pytest.mark.parametrize("start", [1.0, 1e4, -1e4])
def test_ctkd_is_finite_at_extremes(start: float) -> None:
    finite_at_extremes(adapted(CTKD(start=start)))


def test_a_balanced_temperature_is_trained_against_the_student_still() -> None:
    """The factor that scales the term scales the gradient of its temperature alike, and reverses nothing."""
    slopes = {}
    for balance in (False, True):
        distiller = build("distiller", "ctkd", balance=balance)
        student, teacher, label = drawn(0).float().requires_grad_(), drawn(1).float(), labels()
        distiller.adapt(said(student), said(teacher))
        terms = distiller(said(student), said(teacher), Batch(torch.zeros(6, 1, 2, 2), label, label))
        terms["ctkd"].backward()
        term = distiller.terms()["ctkd"]
        slopes[balance] = term.theta.grad
        if balance:
            factor = distiller.factors["ctkd"]
            assert distiller.balance.steps == 1
    assert factor > 0
    torch.testing.assert_close(slopes[True], slopes[False] * factor / (0.1 + 0.9))
    assert slopes[False] != 0


@pytest.mark.parametrize("balance", [False, True])
def test_a_training_moves_the_temperature_and_keeps_it(balance: bool, tmp_path: Path) -> None:
    outcome = fit(
        small(
            tmp_path / "run", "distiller=ctkd", f"+distiller.balance={str(balance).lower()}", "chance=null", "epochs=1",
            "data.train_size=96", "teacher.recipe.epochs=1", "teacher.recipe.milestones=[]",
        )
    )  # fmt: skip
    assert outcome.rejected is None
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["state_dict"]
    theta = state["distiller.nodes.ctkd.theta"]
    assert theta.isfinite()
    assert theta != 1


@pytest.mark.parametrize(
    ("more", "key"),
    [({"low": 0}, "low"), ({"low": 4, "high": 4}, "high"), ({"high": float("inf")}, "high"), ({"ramp": -1}, "ramp"),
     ({"start": float("nan")}, "start")],
)  # fmt: skip
def test_a_value_out_of_range_is_refused(more: dict[str, float], key: str) -> None:
    with pytest.raises(UserError, match=rf"distiller\.ctkd\.{key} "):
        CTKD(**more)


def test_the_option_has_the_authors_values() -> None:
    distiller = build("distiller", "ctkd")
    assert distiller.formula() == "0.1 * cross-entropy + 0.9 * T² * KL(logits / T), T = 1 + 20 σ(θ), θ trained"
    assert not distiller.needs_features
