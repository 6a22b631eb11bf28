"""One for all: each of the student's stages says logits, so that any teacher can teach any student."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from uniads.distiller.base import Context, check_given, check_weight
from uniads.distiller.norm import Norm
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.stages import init_convolutions, pool_positions


@final
class OFA(Loss):
    """weight · ( L(z) + stages · Σ_i L(h_i(f_i)) ) over the student's maps f1, f2, ..., the stem's left out.

    L(z) = −Σ_c ((p[c] + 1[c = y])^eps − 1[c = y]) · log softmax(z / tau)[c], the mean over the images, in nats, with
    the teacher's p = softmax(z_t / tau) and the label y. With eps 1 it is the cross-entropy of the teacher's
    distribution; a larger one adds the more to the label's class the surer the teacher is of it. There is no tau².

    h_i goes down the student's own stages: for each later map one block that brings f_i to its channels and size (the
    last block to d channels); of the last map a 1x1 convolution to d. Then come the mean over the pixels and a linear
    layer. A block is twice (3x3 of each channel, 1x1, batch norm, ReLU), the first 3x3 with the stride. d is the larger
    of the two embeddings. The code doubles the channels in each block but the last, which is the same for its ResNets.

    Tokens are maps here, see ``Tapped``, so all students get these projectors; the code gives those of tokens patch
    merging and attention instead. It takes log(softmax), which is −inf for small probabilities; here it is log_softmax.

    Source: Hao et al., arXiv:2310.19444, and its code, from which blocks, initial weights and the default
    weights are. Its recipes smooth the labels of the cross-entropy by 0.1.

    Args:
        weight: 0 or more.
        stages: weight of the stages beside that of the logits, 0 or more; 0 makes no projectors.
        eps: exponent, 1 or more.
        tau: temperature, above 0.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits, and the student's feature maps f1, f2, ..."
    needs_features = False  # of the teacher's

    def __init__(self, weight: float = 1.0, stages: float = 1.0, eps: float = 1.0, tau: float = 1.0) -> None:
        super().__init__(weight)
        if not (eps >= 1 and isfinite(eps)):
            raise UserError(f"distiller.ofa.eps must be 1 or more and finite, got {eps}")
        if not (tau > 0 and isfinite(tau)):
            raise UserError(f"distiller.ofa.tau must be above 0 and finite, got {tau}")
        self.stages, self.eps, self.tau = check_weight("distiller.ofa.stages", stages), eps, tau

    def formula(self) -> str:
        return f"{self.weight:g} * (L(logits) + {self.stages:g} * Σ_i L(h_i(features[i]))), eps {self.eps:g}"

    def prepare(self, context: Context) -> None:
        """Make a projector for each of the student's maps.

        Raises:
            UserError: the student has no map beside the stem's, or other classes than the teacher.
        """
        student, teacher = context.student_knowledge, context.taught
        classes = student.logits.shape[1]
        if classes != teacher.logits.shape[1]:
            raise UserError(
                f"ofa compares the classes of both networks, got {classes} of the student and "
                f"{teacher.logits.shape[1]} of the teacher; build them for the same data"
            )
        self.projectors = nn.ModuleList()
        if not self.stages:
            return
        check_given(student, "feature", "OFA", "student")
        shapes = [tuple(each.shape[1:]) for each in student.features[1:]]
        if not shapes:
            raise UserError(
                "ofa looks at maps after the stem's, and the student has none; name more taps, or use "
                "distiller.ofa.stages=0"
            )
        dim = max(student.embedding.shape[1], teacher.embedding.shape[1])
        self.projectors.extend(_projector(shapes[i:], dim, classes) for i in range(len(shapes)))

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        target = self._target(teacher.logits, batch.label)
        loss = self._cross(target, student.logits)
        if not self.stages:
            return loss
        said = [h(f) for h, f in zip(self.projectors, student.features[1:], strict=True)]
        return loss + self.stages * torch.stack([self._cross(target, logits) for logits in said]).sum()

    def _target(self, logits: Tensor, label: Tensor) -> Tensor:
        """What multiplies −log p of each image and class; it need not sum to 1."""
        hit = (torch.arange(logits.shape[1], device=logits.device) == label[:, None]).to(logits.dtype)
        return ((logits / self.tau).softmax(1) + hit) ** self.eps - hit

    def _cross(self, target: Tensor, logits: Tensor) -> Tensor:
        return -(target * (logits / self.tau).log_softmax(1)).sum(1).mean()


def _projector(shapes: Sequence[tuple[int, ...]], dim: int, classes: int) -> nn.Module:
    """H of the first of some maps (C, H, W), from a stage to the last one."""
    blocks: list[nn.Module] = []
    for step, ((into, *own), (out, *goal)) in enumerate(pairwise(shapes), start=2):
        stride = tuple(max(1, round(a / b)) for a, b in zip(own, goal, strict=True))
        blocks.append(_block(into, dim if step == len(shapes) else out, stride))
    head = nn.Linear(dim, classes)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    projector = nn.Sequential(*(blocks or [nn.Conv2d(shapes[0][0], dim, 1)]), pool_positions(), head)
    init_convolutions(projector)
    return projector


def _block(into: int, out: int, stride: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for width, step in ((into, stride), (out, (1, 1))):
        layers += [
            nn.Conv2d(into, into, 3, (step[0], step[1]), padding=1, groups=into, bias=False),
            nn.Conv2d(into, width, 1, bias=False),
            Norm(width),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
