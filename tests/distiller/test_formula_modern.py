"""Distillers of 2017 to 2025 against their formulas, written out again here: value and gradient, in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.distiller.test_formula import CLASSES, STUDENT, TEACHER, Loss, batch, judged, knowledge, normalised
from uniads import build
from uniads.distiller.course import Course
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge

RISE = Course(20 / 240).share(0, 240)


def z_scores(z: Tensor) -> Tensor:
    mean = z.sum(1, keepdim=True) / CLASSES
    return (z - mean) / (((z - mean) ** 2).sum(1, keepdim=True) / (CLASSES - 1) + 0).sqrt().add(1e-7)


def kl(s: Tensor, t: Tensor) -> Tensor:
    """Mean over the batch of the divergence of two sets of probabilities."""
    return (t * (t / s).log()).sum() / len(s)


def dkd(s: Tensor, t: Tensor, b: Batch, alpha: float, beta: float, tau: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for n, y in enumerate(b.label.tolist()):
        p, q = (s[n] / tau).softmax(0), (t[n] / tau).softmax(0)
        others = [c for c in range(CLASSES) if c != y]
        target = q[y] * (q[y] / p[y]).log() + (1 - q[y]) * ((1 - q[y]) / (1 - p[y])).log()
        hat_p, hat_q = p[others] / p[others].sum(), q[others] / q[others].sum()
        total = total + alpha * target + beta * (hat_q * (hat_q / hat_p).log()).sum()
    return total * tau**2 / len(s)


def ttm(s: Tensor, t: Tensor, gamma: float, weighted: bool) -> Tensor:
    power = t.softmax(1) ** gamma
    sums = power.sum(1)
    each = (power / sums[:, None] * (power / sums[:, None] / s.softmax(1)).log()).sum(1)
    return (sums * each if weighted else each).mean()


def wkd_f(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    regressor = d.nodes["feature"].align
    mine = normalised(regressor.norm, regressor.convolution(s.features[-1])).relu()
    total = torch.zeros((), dtype=torch.float64)
    for x, y in zip(mine.flatten(2), t.features[-1].flatten(2), strict=True):
        means, deviations = (x.mean(1), y.mean(1)), [(z.var(1) + 1e-5).sqrt() for z in (x, y)]
        total = total + 4 * (means[0] - means[1]).pow(2).sum() + (deviations[0] - deviations[1]).pow(2).sum()
    return 0.08 * total / len(mine)


def pkt(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    rows = []
    for e in (s.embedding, t.embedding):
        cosines = torch.stack([torch.stack([a @ c / (a.norm() * c.norm()) for c in e]) for a in e])
        similar = (cosines + 1) / 2
        rows.append(similar / similar.sum(1, keepdim=True))
    return 30000 * (rows[1] * ((rows[1] + 1e-7) / (rows[0] + 1e-7)).log()).sum() / len(s.embedding) ** 2


def nst(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for i in (1, 2):
        for x, y in zip(s.features[i].flatten(2), t.features[i].flatten(2), strict=True):
            a, c = ([row / row.norm() for row in z] for z in (x, y))
            for sign, left, right in ((1, a, a), (1, c, c), (-2, a, c)):
                kernels = [(u @ v) ** 2 for u in left for v in right]
                total = total + sign * torch.stack(kernels).mean() / len(s.logits)
    return 50 * total


def vkd(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    matrix = d.nodes["embedding"].align.map.weight
    mean, var = t.embedding.mean(1, keepdim=True), t.embedding.var(1, unbiased=False, keepdim=True)
    gap = (s.embedding @ matrix.mT - (t.embedding - mean) / (var + 1e-5).sqrt()).abs()
    smooth = torch.where(gap < 1, gap**2 / 2, gap - 0.5).mean()
    return smooth + kl(s.logits.softmax(1), t.logits.softmax(1))


FORMULAS: dict[str, tuple[float, Loss]] = {
    "kd_ls": (0.1, lambda d, s, t, b: 36 * kl(*((z_scores(k.logits) / 2).softmax(1) for k in (s, t)))),
    "dkd": (1.0, lambda d, s, t, b: dkd(s.logits, t.logits, b, 1, 8, 4)),
    "dkd_ls": (1.0, lambda d, s, t, b: dkd(z_scores(s.logits), z_scores(t.logits), b, 9, 72, 2)),
    "ttm": (1.0, lambda d, s, t, b: 45 * ttm(s.logits, t.logits, 0.1, weighted=False)),
    "wttm": (1.0, lambda d, s, t, b: 4 * ttm(s.logits, t.logits, 0.2, weighted=True)),
    "wkd_f": (1.0, wkd_f),
    "pkt": (1.0, pkt),
    "nst": (1.0, nst),
    "vkd": (1.0, vkd),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_a_distiller_is_its_formula(name: str) -> None:
    task, formula = FORMULAS[name]
    judged(name, formula, {}, task)


def logits(seed: int, size: float = 3.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return size * torch.randn(5, CLASSES, generator=g, dtype=torch.float64)


def value(name: str, student: Tensor, teacher: Tensor, **more: Any) -> Tensor:
    return torch.stack([*build("distiller", name, **more)(student, teacher, batch()).values()]).sum()


@pytest.mark.parametrize("name", ["kd_ls", "dkd_ls"])
def test_standardised_logits_have_no_shift_and_no_scale(name: str) -> None:
    student, teacher = logits(0), logits(1)
    moved = student * torch.tensor([[2.0], [0.1], [1.0], [7.0], [3.0]], dtype=torch.float64) + 5
    torch.testing.assert_close(value(name, moved, teacher), value(name, student, teacher), rtol=1e-5, atol=0)
    assert value(name, student.flip(1), teacher) != value(name, student, teacher)


def test_dkd_with_the_rest_by_its_probability_is_kd() -> None:
    """With alpha = 1 and beta = 1 - p_y of the teacher DKD is KD; here all images have one p_y, so that beta is one."""
    student, label = logits(0), batch().label
    teacher = torch.stack([row.roll(int(y)) for row, y in zip(logits(1)[:1].expand(5, -1), label, strict=True)])
    rest = 1 - float((teacher[0] / 4).softmax(0)[label[0]])
    together = value("dkd", student, teacher, rest={"weight": rest})
    torch.testing.assert_close(together, 16 * kl((student / 4).softmax(1), (teacher / 4).softmax(1)))


def test_dkd_rises_over_twenty_epochs() -> None:
    distiller = build("distiller", "dkd")
    whole = value("dkd", logits(0), logits(1))
    for epoch, share in ((0, 0.05), (9, 0.5), (19, 1.0), (200, 1.0)):
        distiller.set_epoch(epoch, 240)
        found = torch.stack([*distiller(logits(0), logits(1), batch()).values()]).sum()
        torch.testing.assert_close(found, share * whole, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["kd_ls", "dkd", "dkd_ls", "ttm", "wttm"])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e4])
def test_values_and_gradients_are_finite_at_extremes(name: str, size: float) -> None:
    student, teacher = logits(0, size).float().requires_grad_(), logits(1, size).float()
    found = value(name, student, teacher)
    found.backward()
    assert found.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_an_orthogonal_map_stays_one_while_it_trains() -> None:
    torch.manual_seed(0)
    student, teacher = knowledge(0, STUDENT), knowledge(1, TEACHER)
    distiller = build("distiller", "vkd")
    distiller.adapt(*(Knowledge(k.features, k.embedding.float(), k.logits) for k in (student, teacher)))
    optimizer = torch.optim.SGD(distiller.parameters(), 0.5)
    adapter = distiller.nodes["embedding"].align
    before = adapter.map.weight.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        sum(distiller(student, teacher, batch()).values()).backward()
        optimizer.step()
    after = adapter.map.weight.detach()
    assert (after - before).norm() > 0.1
    torch.testing.assert_close(after.mT @ after, torch.eye(STUDENT[-1]), rtol=0, atol=1e-5)


def test_the_wkd_view_of_one_normal_pair_is_their_wasserstein_distance() -> None:
    """Of the normal distributions (mean 0, deviation 1) and (3, 5) it is 3² + 4²."""
    base = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) / 2**0.5
    view = build("transform", "mean_std", ratio=1.0, eps=1e-12)
    s, t = base[None, :1], (5 * base + 3)[None, :1]
    torch.testing.assert_close(F.mse_loss(view(s), view(t)), torch.tensor(25.0, dtype=torch.float64))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (4, 4), (2, 3)])
def test_the_wkd_distance_of_cells_is_the_mean_over_them(height: int, width: int) -> None:
    """Each cell as a map of its own, with the bounds of torch's adaptive pooling."""
    grid, shape = 4, (3, 2, height, width)
    s, t = (torch.randn(shape, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (0, 1))
    whole, view = build("transform", "mean_std"), build("transform", "mean_std", grid=grid)
    found = []
    for row in range(grid):
        for column in range(grid):
            top, bottom = row * height // grid, -(-(row + 1) * height // grid)
            left, right = column * width // grid, -(-(column + 1) * width // grid)
            found.append(F.mse_loss(*(whole(x[..., top:bottom, left:right].contiguous()) for x in (s, t))))
    torch.testing.assert_close(F.mse_loss(view(s), view(t)), torch.stack(found).mean())
    means = F.adaptive_avg_pool2d(s, grid).flatten(2)
    torch.testing.assert_close(view(s).view(3, grid * grid, 4)[:, :, :2], 4**0.5 * 4**0.5 * means.mT)
    torch.testing.assert_close(view(s.flatten(2)), whole(s))


def test_a_grid_without_cells_is_refused() -> None:
    with pytest.raises(UserError, match=r"grid of mean_std must be 1 or more, got 0"):
        build("transform", "mean_std", grid=0)
