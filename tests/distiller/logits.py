"""Logits of student and teacher with labels, for the terms that look at no more."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.distiller.contexts import context_of
from uniads.distiller.term import Term
from uniads.knowledge import Batch, Knowledge

N, CLASSES = 6, 5


def drawn(seed: int, n: int = N, classes: int = CLASSES, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, classes, generator=generator, dtype=torch.float64)


def said(logits: Tensor) -> Knowledge:
    return Knowledge((), logits.new_empty(len(logits), 0), logits)


def batch(label: Tensor) -> Batch:
    return Batch(torch.zeros(len(label), 1, 2, 2), label, torch.arange(len(label)))


def labels(n: int = N, classes: int = CLASSES) -> Tensor:
    return (3 * torch.arange(n) + 1) % classes


def adapted(term: Term, classes: int = CLASSES, **more: Any) -> Term:
    known = said(torch.zeros(2, classes))
    term.adapt(context_of(known, known, **more))
    return term


def value_of(term: Term, student: Tensor, teacher: Tensor, label: Tensor) -> Tensor:
    found: Tensor = term(said(student), said(teacher), batch(label))
    return found


def judge(term: Term, formula: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Value and gradient against a formula, for many images and for one, in float64."""
    for n in (N, 1):
        student, teacher, label = drawn(0, n).requires_grad_(), drawn(1, n).requires_grad_(), labels(n)
        leaves = [student, *term.parameters()]
        results = []
        for loss in (value_of(term, student, teacher, label), formula(student, teacher.detach(), label)):
            gradients = torch.autograd.grad(loss, leaves, materialize_grads=True, allow_unused=True)
            results.append((loss.detach(), *gradients))
        assert bool(results[0][1].any())
        for mine, wanted in zip(*results, strict=True):
            torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-9)
        assert teacher.grad is None


def finite_at_extremes(term: Term, classes: int = CLASSES) -> None:
    """Value and gradient are numbers for logits of 1e4 that agree, contradict each other or are level."""
    label = torch.arange(classes)
    sure = 1e4 * torch.eye(classes)
    cases = (sure, -sure, sure.roll(1, 0), torch.zeros(classes, classes), 1e4 * drawn(3, classes, classes).float())
    for own in cases:
        for taught in cases:
            student = own.clone().requires_grad_()
            value = value_of(term, student, taught, label)
            value.backward()
            assert value.isfinite()
            assert student.grad is not None
            assert bool(student.grad.isfinite().all())
            assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in term.parameters())
