"""Every published distiller against its formula, written out again here: value and gradient, in float64."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.distiller.contexts import context_of
from uniads import build
from uniads.distiller.base import Distiller
from uniads.knowledge import Batch, Knowledge

N, CLASSES, IMAGES = 5, 7, 30
STUDENT, TEACHER = (3, 4, 6), (3, 5, 8)
"""Channels of three maps, the stem's first."""
Loss = Callable[[Distiller, Knowledge, Knowledge, Batch], Tensor]


def knowledge(seed: int, channels: tuple[int, ...], sides: tuple[int, ...] = (8, 8, 4), n: int = N) -> Knowledge:
    """Random knowledge whose logits are a linear function of the embedding, as a network's are."""
    g = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64)

    maps = tuple(draw(n, c, side, side).requires_grad_() for c, side in zip(channels, sides, strict=True))
    return Knowledge(maps, draw(n, channels[-1]).requires_grad_(), draw(n, CLASSES).requires_grad_())


def batch(n: int = N) -> Batch:
    return Batch(torch.zeros(n, 1, 8, 8), torch.arange(n) % 3, torch.arange(n) * 3 + 2)


class Head(nn.Module):
    """A teacher of which only the classifier counts."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(TEACHER[-1], CLASSES).double()

    def said(self, seed: int) -> Knowledge:
        maps, embedding, _ = knowledge(seed, TEACHER)
        return Knowledge(maps, embedding, self.fc(embedding).detach().requires_grad_())


def made(name: str, student: Knowledge, teacher: Knowledge, head: nn.Module, **more: Any) -> Distiller:
    distiller: Distiller = build("distiller", name, **more)
    label = torch.arange(IMAGES) % 3
    label[:3] = -1  # held out
    plain = [Knowledge(tuple(f.float() for f in k.features), k.embedding, k.logits) for k in (student, teacher)]
    distiller.adapt(context_of(*plain, teacher=head, index_size=IMAGES, batch_size=8, label=label))
    return distiller.double()


def kd(s: Tensor, t: Tensor, weight: float) -> Tensor:
    p, log_q = (t / 4).softmax(1), (s / 4).log_softmax(1)
    return weight * 16 * sum(p[n, c] * (p[n, c].log() - log_q[n, c]) for n, c in every(p)) / len(s)


def every(x: Tensor) -> Any:
    return product(*map(range, x.shape))


def normalised(norm: Any, x: Tensor) -> Tensor:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    weight, bias = (p.view(1, -1, 1, 1) for p in (norm.weight, norm.bias))
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def fitnet(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    regressor = d.nodes["feature"].align
    x = F.conv2d(s.features[2], regressor.convolution.weight, regressor.convolution.bias)
    guess = normalised(regressor.norm, x).clamp(min=0)
    return 100 * (guess - t.features[2]).pow(2).sum() / guess.numel()


def at(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for f, g in zip(s.features[1:], t.features[1:], strict=True):
        for n in range(N):
            a, c = (x[n].pow(2).sum(0).flatten() for x in (f, g))
            total = total + (a / a.norm() - c / c.norm()).pow(2).sum() / (N * f.shape[2] * f.shape[3])
    return 1000 * total


def at_of_the_paper(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for f, g in zip(s.features[1:], t.features[1:], strict=True):
        for n in range(N):
            a, c = (x[n].pow(2).sum(0).flatten() for x in (f, g))
            total = total + (a / a.norm() - c / c.norm()).norm() / N
    return 1000 * total


def sp(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    grams = []
    for k in (s, t):
        rows = k.features[-1].flatten(1)
        gram = torch.stack([torch.stack([(a * c).sum() for c in rows]) for a in rows])
        grams.append(gram / gram.pow(2).sum(1, keepdim=True).sqrt())
    return 3000 * (grams[0] - grams[1]).pow(2).sum() / N**2


def huber(d: Tensor) -> Tensor:
    return torch.where(d.abs() < 1, d * d / 2, d.abs() - 0.5)


def rkd(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    distances, angles = [], []
    for e in (s.embedding, t.embedding):
        far = {(i, j): (e[i] - e[j]).norm() for i, j in product(range(N), repeat=2) if i != j}
        mean = sum(far.values()) / len(far)
        distances.append({pair: value / mean for pair, value in far.items()})
        angles.append(
            {
                (i, j, k): ((e[j] - e[i]) / far[i, j] * (e[k] - e[i]) / far[i, k]).sum()
                for i, j, k in product(range(N), repeat=3)
                if i not in (j, k)
            }
        )
    (ds, dt), (as_, at_) = distances, angles
    return 25 * sum(huber(ds[p] - dt[p]) for p in ds) / N**2 + 50 * sum(huber(as_[p] - at_[p]) for p in as_) / N**3


def correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.norm() * b.norm() + 1e-8)


def relations(s: Tensor, t: Tensor, tau: float) -> Tensor:
    p, q = (s / tau).softmax(1), (t / tau).softmax(1)
    inter = 1 - sum(correlation(p[n], q[n]) for n in range(N)) / N
    intra = 1 - sum(correlation(p[:, c], q[:, c]) for c in range(CLASSES)) / CLASSES
    return 2 * tau**2 * (inter + intra)


def embedded(linear: nn.Module, x: Tensor) -> Tensor:
    return x @ linear.weight.T + linear.bias


def cc(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    term = d.nodes["cc"]
    delta = (embedded(term.student, s.embedding) - embedded(term.teacher, t.embedding.detach())).abs()
    return 0.02 * sum((delta[n] * delta[n + 1]).sum() for n in range(N - 1)) / (N - 1)


def cc_of_the_paper(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    term, grams = d.nodes["cc"], []
    for linear, e in ((term.student, s.embedding), (term.teacher, t.embedding.detach())):
        x = embedded(linear, e)
        x = x / x.norm(dim=1, keepdim=True)
        # exp(−γ|x − y|²) = exp(−2γ) exp(2γ⟨x, y⟩), the second factor to its third term
        z = 0.8 * x @ x.T
        grams.append(torch.exp(torch.tensor(-0.8, dtype=torch.float64)) * (1 + z + z * z / 2))
    return 0.02 * (grams[0] - grams[1]).pow(2).sum() / N**2


def crd(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    """The authors' formula with plain exponentials, from the state before the step."""
    term, state = d.nodes["crd"], d.before
    v = [embedded(term.embed_s, s.embedding), embedded(term.embed_t, t.embedding.detach())]
    v = [x / x.norm(dim=1, keepdim=True) for x in v]
    n, k = 27, 18  # 30 images, 3 held out; 9 of each class
    total = torch.zeros((), dtype=torch.float64)
    for x, memory in zip(v, (state["memory_t"], state["memory_s"]), strict=True):
        p = torch.stack([torch.stack([(memory[j] * x[i]).sum() / 0.07 for j in d.columns[i]]) for i in range(N)]).exp()
        p = p / (p.detach().mean() * n)
        total = total - (p[:, 0] / (p[:, 0] + k / n + 1e-7)).log().sum() / N
        total = total - ((k / n) / (p[:, 1:] + k / n + 1e-7)).log().sum() / N
    return 0.8 * total


def srrl(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    convolution = d.nodes["srrl"].connector[0]
    x = torch.einsum("oc,nchw->nohw", convolution.weight[:, :, 0, 0], s.features[-1])
    g = normalised(d.nodes["srrl"].connector[1], x).clamp(min=0).mean((2, 3))
    logits = g @ d.head.fc.weight.detach().T + d.head.fc.bias.detach()
    return (g - t.embedding).pow(2).mean() + (logits - t.logits).pow(2).mean()


def semckd(d: Any, s: Knowledge, t: Knowledge, b: Batch) -> Tensor:
    term = d.nodes["semckd"]

    def seen(x: Tensor, mlp: Any) -> Tensor:
        gram = torch.einsum("nchw,mchw->nm", x, x)
        rows = torch.cat([gram, torch.zeros(N, 8 - N, dtype=torch.float64)], 1)
        out = embedded(mlp[2], embedded(mlp[0], rows).clamp(min=0))
        return out / out.norm(dim=1, keepdim=True)

    maps = [f.detach() for f in t.features[1:]]
    total = torch.zeros((), dtype=torch.float64)
    for i, f in enumerate(s.features[1:]):
        energy = torch.stack(
            [(seen(f, term.query[i]) * seen(g, key)).sum(1) for g, key in zip(maps, term.key, strict=True)], 1
        )
        attention = energy.exp() / energy.exp().sum(1, keepdim=True)
        for j, g in enumerate(maps):
            side = min(f.shape[-1], g.shape[-1])
            mine = F.avg_pool2d(f, f.shape[-1] // side)
            error = (term.regressor[i][j](mine) - F.avg_pool2d(g, g.shape[-1] // side)).pow(2).mean((1, 2, 3))
            total = total + (attention[:, j] * error).sum() / (N * 2)
    return 400 * total + kd(s.logits, t.logits, 1.0)


FORMULAS: dict[str, Loss] = {
    "kd": lambda d, s, t, b: kd(s.logits, t.logits, 0.9),
    "fitnet": fitnet,
    "at": at,
    "sp": sp,
    "rkd": rkd,
    "dist": lambda d, s, t, b: relations(s.logits, t.logits, 4.0),
    "dist_imagenet": lambda d, s, t, b: relations(s.logits, t.logits, 1.0),
    "cc": cc,
    "crd": crd,
    "srrl": srrl,
    "semckd": semckd,
}
TASK = {"kd": 0.1}
VARIANTS: dict[str, tuple[str, dict[str, Any], Loss]] = {
    "at of the paper": ("at", {"attention": {"node": {"distance": {"_target_": "uniads.distance.euclid.Euclid"}}}},
                        at_of_the_paper),
    "cc of the paper": ("cc", {"cc": {"kernel": "gaussian"}}, cc_of_the_paper),
}  # fmt: skip


def judged(name: str, formula: Loss, more: dict[str, Any], task: float | None = None) -> None:
    """Value and gradient, for the student's knowledge and for what trains beside it."""
    torch.manual_seed(0)
    head = Head()
    student, teacher = knowledge(0, STUDENT), head.said(1)
    distiller = made(name, student, teacher, head, **more)
    assert distiller.task == (TASK.get(name, 1.0) if task is None else task)
    if name == "crd":
        note_the_draw(distiller)
    distiller.head = head if name == "srrl" else None
    leaves = [*student.features, student.embedding, student.logits]
    trained = [p for key, p in distiller.named_parameters() if not key.startswith("head.")]
    results = []
    for loss in (lambda: sum(distiller(student, teacher, batch()).values()),
                 lambda: formula(distiller, student, teacher, batch())):  # fmt: skip
        value = loss()
        gradients = torch.autograd.grad(value, leaves + trained, materialize_grads=True, allow_unused=True)
        results.append((value.detach(), *gradients))
    assert any(bool(g.any()) for g in results[0][1 : 1 + len(leaves)])
    for mine, wanted in zip(*results, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-9)
    assert all(x.grad is None for x in (*teacher.features, teacher.embedding, teacher.logits))


def note_the_draw(distiller: Any) -> None:
    """Keep what CRD's formula needs beside knowledge: the memories before the step, and which negatives were drawn."""
    term = distiller.nodes["crd"]
    distiller.before = {name: getattr(term, name).clone() for name in ("memory_s", "memory_t")}
    draw = type(term)._draw_negatives

    def noted(b: Batch) -> Tensor:
        negatives = draw(term, b)
        distiller.columns = torch.cat([b.index[:, None], negatives], 1)
        return negatives

    term._draw_negatives = noted


@pytest.mark.parametrize("name", FORMULAS)
def test_a_distiller_is_its_formula(name: str) -> None:
    judged(name, FORMULAS[name], {})


@pytest.mark.parametrize("name", VARIANTS)
def test_the_other_reading_is_reachable(name: str) -> None:
    option, more, formula = VARIANTS[name]
    judged(option, formula, more)


@pytest.mark.parametrize(
    ("mine", "theirs", "kernel", "stride"),
    [((8, 8), (4, 4), 3, 2), ((4, 4), (8, 8), 4, 2), ((6, 5), (4, 5), (3, 1), 1), ((2, 2), (8, 8), 1, 1)],
)
def test_a_regressor_goes_by_the_ratio_of_the_sizes(
    mine: tuple[int, int], theirs: tuple[int, int], kernel: Any, stride: int
) -> None:
    from uniads.distiller.regressor import Regressor

    regressor = Regressor((2, 3, *mine), (2, 5, *theirs))
    pair = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    assert (regressor.convolution.kernel_size, regressor.convolution.stride) == (pair, (stride, stride))
    assert regressor.convolution.bias is not None
    guess, wanted = regressor(torch.randn(2, 3, *mine), torch.randn(2, 5, *theirs))
    assert guess.shape == wanted.shape
    assert (guess >= 0).all()
    assert wanted.shape[2:] == ((2, 2) if mine == (2, 2) else theirs)


def test_semckd_has_the_size_of_the_authors() -> None:
    from uniads.distiller.semckd import SemCKD

    maps = tuple(torch.zeros(2, c, 8, 8, device="meta") for c in (32, 64, 128, 256))
    known = Knowledge(maps, torch.zeros(2, 256), torch.zeros(2, 100))
    term = SemCKD()
    term.adapt(context_of(known, known, batch_size=64))
    assert sum(p.numel() for p in term.parameters()) == 10_233_632
