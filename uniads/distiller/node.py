"""One term of Eq. 1: a kind of knowledge, seen through transforms, measured by a distance."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import final

import torch
from torch import Tensor, nn

from uniads.distance.base import Distance
from uniads.distiller.align import Align
from uniads.distiller.base import check_given, check_weight, full_dtype
from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.transform.base import RandomTransform, Transform
from uniads.transform.identity import Identity

SOURCES = ("feature", "embedding", "logits")


@final
class Node(nn.Module):
    """weight * tau² * D(T(A_student) / tau, T(A_teacher) / tau), in float32 also under autocast; float64 stays float64.

    An adapter's weights decide between the two where there is one; they are never in half precision.

    A is a feature map, the embedding or the logits; T a chain of transforms; D a distance. The teacher's side has no
    gradient. A distance between distributions (kl after a softmax) normalises them, so tau scales such a term by tau²
    and does nothing else to it; for a softened softmax give the softmax transform a tau of its own.

    Source: Eq. 1 of UniADS (AAAI 2024).

    Args:
        source: ``feature``, ``embedding`` or ``logits``.
        distance: D.
        transform: T, applied in the order of the mapping; at most three steps, identities not counted.
        weight: 0 or more, finite; 0 removes the term.
        tau: temperature, above 0 and finite.
        tap: which feature map, counted from the stem (0) or from the last stage (-1).
        adapter: makes what brings both sides to one shape, out of their shapes, and is then always used; None: an
            ``Align`` where T does not give one shape already, trained only where pooling alone would not do.

    Raises:
        UserError: an argument is out of its range, or a transform can't follow the one before it.
    """

    def __init__(
        self,
        source: str,
        distance: Distance,
        transform: Mapping[str, Transform],
        weight: float = 1.0,
        tau: float = 1.0,
        tap: int = -1,
        adapter: Callable[[Sequence[int], Sequence[int]], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if source not in SOURCES:
            raise UserError(f"a node's source must be one of {', '.join(SOURCES)}, got {source!r}")
        if not (tau > 0 and isfinite(tau)):
            raise UserError(f"a node's tau must be above 0 and finite, got {tau}")
        steps = [step for step in transform.values() if not isinstance(step, Identity)]
        if len(steps) > 3:
            raise UserError(f"a node takes at most three transforms, got {len(steps)}")
        self.source, self.tap = source, tap
        self.transform = nn.ModuleList(steps)
        self.distance = distance.on(_simplex(steps, rank=4 if source == "feature" else 2))
        self.weight = check_weight(f"the weight of the {source} node", weight)
        self.tau = tau
        self.adapter = adapter
        self.align: nn.Module | None = None

    needs_teacher = True
    flops = 0

    @property
    def needs_features(self) -> bool:
        """Whether the node looks at the teacher's feature maps."""
        return self.source == "feature"

    def adapt(self, student: Knowledge, teacher: Knowledge) -> None:
        """Make the adapter that these shapes need: none where T gives one shape already."""
        self.align = self._make_adapter(self._pick(student, "student"), self._pick(teacher, "teacher"))

    def _make_adapter(self, student: Tensor, teacher: Tensor) -> nn.Module | None:
        if self.adapter is not None:
            return self.adapter(student.shape, teacher.shape)
        if self._view(student).shape == self._view(teacher).shape:
            return None
        pooling = Align(student.shape, teacher.shape, channels=False)
        shapes = {self._view(x).shape for x in pooling(student, teacher)}
        return pooling if len(shapes) == 1 else Align(student.shape, teacher.shape)

    def forward(self, student: Knowledge, teacher: Knowledge) -> Tensor:
        """The weighted term of a batch, a scalar. Where no adapter is needed, ``adapt`` need not be called.

        Raises:
            UserError: an adapter is needed, and ``adapt`` was not called.
        """
        own, taught = self._pick(student, "student"), self._pick(teacher, "teacher").detach()
        with torch.autocast(own.device.type, enabled=False):
            dtype = full_dtype(self, own, taught)
            own, taught = own.to(dtype), taught.to(dtype)
            if self.align is not None:
                own, taught = self.align(own, taught)
            for step in self.transform:
                if isinstance(step, RandomTransform):
                    step.redraw()
            views = self._view(own), self._view(taught)
            self._check_adapted(*views)
            distance: Tensor = self.distance(views[0] / self.tau, views[1] / self.tau)
            return self.weight * self.tau**2 * distance

    def _check_adapted(self, student: Tensor, teacher: Tensor) -> None:
        if self.align is None and (self.adapter is not None or student.shape != teacher.shape):
            raise UserError(
                f"the {self.source} node needs an adapter, since the views of student and teacher are of shape "
                f"{tuple(student.shape)} and {tuple(teacher.shape)}, or since its option asks for one; call adapt(...) "
                "of the distiller first, with Context.of(student, teacher, image) of uniads.distiller.base, or with "
                "what both said"
            )

    def formula(self) -> str:
        """The term in one line, such as ``0.9 * 4² * KL(logits / 4)``."""
        view = f"features[{self.tap}]" if self.source == "feature" else self.source
        for step in self.transform:
            view = f"{type(step).__name__}({view})"
        return f"{self.weight:g} * {self.tau:g}² * {type(self.distance).__name__}({view} / {self.tau:g})"

    def _pick(self, knowledge: Knowledge, whose: str) -> Tensor:
        check_given(knowledge, self.source, f"the {self.source} node", whose)
        if self.source == "embedding":
            return knowledge.embedding
        if self.source == "logits":
            return knowledge.logits
        taps = len(knowledge.features)
        if not -taps <= self.tap < taps:
            raise UserError(f"the {whose} has taps 0 to {taps - 1}, got tap {self.tap}")
        return knowledge.features[self.tap]

    def _view(self, x: Tensor) -> Tensor:
        for step in self.transform:
            x = step(x)
        return x


def _simplex(steps: list[Transform], rank: int) -> tuple[int, ...] | None:
    """The axes over which a chain's output is a distribution.

    Raises:
        UserError: a transform does not take the rank that it is given.
    """
    for position, step in enumerate(steps):
        if rank not in step.ranks:
            before = f"after {type(steps[position - 1]).__name__}" if position else "first"
            raise UserError(
                f"{type(step).__name__} can't come {before}: it takes rank {sorted(step.ranks)}, got rank {rank}"
            )
        rank = step.ranks[rank]
    return steps[-1].simplex if steps else None
