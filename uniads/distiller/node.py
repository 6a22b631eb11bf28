"""One term of Eq. 1: a kind of knowledge, seen through transforms, measured by a distance."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn

from uniads.distance.base import Distance
from uniads.distiller.align import Align
from uniads.distiller.base import Context, check_given, check_tau, check_weight, full_dtype
from uniads.distiller.chain import find_simplex
from uniads.distiller.class_maps import make_class_maps, regions
from uniads.distiller.course import Course
from uniads.distiller.sample_weight import DISAGREEMENT, ONE, check_sample_weight, weigh_samples
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.transform.base import LabelTransform, RandomTransform, Transform
from uniads.transform.identity import Identity

CLASS_MAPS = ("cam", "regions")
SOURCES = ("feature", "embedding", "logits", *CLASS_MAPS)


@final
class Node(nn.Module):
    """weight * tau² * D(T(A_student) / tau, T(A_teacher) / tau'), in float32 also under autocast, in float64 as given.

    An adapter's weights decide between the two where there is one; they are never in half precision. The teacher's
    temperature tau' is tau unless it is given. With weights u of the images it is the mean of u_n * D of image n.

    A is a feature map, the embedding, the logits, the class activation maps (``cam``) or the logits of pooled regions
    of these (``regions``), each of which counts as an image of the whole one's label; T a chain of transforms; D a
    distance. The teacher's side has no gradient. A distance between distributions (kl after a softmax) normalises them,
    so tau scales such a term by tau² and does nothing else to it; for a softened softmax give the softmax transform a
    tau of its own.

    Source: Eq. 1 of UniADS (AAAI 2024); two temperatures as in transformed teacher matching, arXiv:2402.11148.

    Args:
        source: ``feature``, ``embedding``, ``logits``, ``cam`` or ``regions``.
        distance: D.
        transform: T, applied in the order of the mapping; at most three steps, identities not counted.
        weight: 0 or more, finite; 0 removes the term.
        tau: temperature, above 0 and finite.
        tap: which feature map, counted from the stem (0) or from the last stage (-1).
        adapter: makes what brings both sides to one shape, out of their shapes, and is then always used; None: an
            ``Align`` where T does not give one shape already, trained only where pooling alone would not do.
        tau_teacher: the teacher's temperature, above 0 and finite; None: tau.
        sample_weight: ``one``; or how much each image counts, by the teacher's logits: see ``weigh_samples``.
        ramp: over how many epochs, or which share of them, the weight rises; 0: it does not. See ``Course``.
        decay: from which epoch, or share of them, on the weight falls to 0; None: it does not. ``Composed`` multiplies
            by the ``share`` of its weight that the node has in an epoch; the node itself does not.
        grids: of ``regions``, how many there are on a side, 1 or more each; 1 for the whole image comes first.

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
        tau_teacher: float | None = None,
        sample_weight: str = ONE,
        ramp: float = 0,
        decay: float | None = None,
        grids: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        if source not in SOURCES:
            raise UserError(f"a node's source must be one of {', '.join(SOURCES)}, got {source!r}")
        self.tau = check_tau("a node's tau", tau)
        self.tau_teacher = check_tau("a node's tau_teacher", tau if tau_teacher is None else tau_teacher)
        steps = [step for step in transform.values() if not isinstance(step, Identity)]
        if len(steps) > 3:
            raise UserError(f"a node takes at most three transforms, got {len(steps)}")
        if not grids or any(grid < 1 for grid in grids) or grids[0] != 1:
            raise UserError(
                f"a node's grids must be whole numbers above 0, the first of them 1, such as [1,2,4], got {list(grids)}"
            )
        self.source, self.tap, self.grids = source, tap, tuple(grids)
        self.class_maps = nn.ModuleDict()
        self.transform = nn.ModuleList(steps)
        self.distance = distance.on(find_simplex(steps, source))
        self.needs_batch = sample_weight == DISAGREEMENT or any(isinstance(step, LabelTransform) for step in steps)
        if sample_weight != ONE and not distance.separable:
            raise UserError(
                f"{type(distance).__name__} compares the images of a batch, so that the {source} node can't weigh "
                f"them; take another distance, or sample_weight=one, got {sample_weight}"
            )
        if sample_weight == DISAGREEMENT and source != "regions":
            raise UserError(
                f"sample_weight=disagreement compares regions with their whole image, and the {source} node has none; "
                "take source=regions, or another sample_weight"
            )
        self.weight = check_weight(f"the weight of the {source} node", weight)
        self.sample_weight = check_sample_weight(f"the sample_weight of the {source} node", sample_weight)
        self.course, self.share = Course(ramp, decay, f"the {{}} of the {source} node"), 1.0
        self.adapter = adapter
        self.align: nn.Module | None = None

    needs_teacher = True
    second_view = None
    flops = 0

    @property
    def needs_features(self) -> bool:
        """Whether the node looks at the teacher's feature maps."""
        return self.source in ("feature", *CLASS_MAPS)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Say which epoch begins, from 0, and how many the whole schedule has."""
        self.share = self.course.share(epoch, epochs)

    def adapt(self, student: Knowledge, teacher: Knowledge, context: Context | None = None) -> None:
        """Make the adapter that these shapes need: none where T gives one shape already.

        Args:
            student: what it says of an example.
            teacher: likewise.
            context: the training; class maps need its networks.

        Raises:
            UserError: they are not given, or have no linear classifier of the mean of a map.
        """
        if self.source in CLASS_MAPS:
            whole = context or Context.between(student, teacher)
            self.class_maps = make_class_maps(f"the {self.source} node", whole, bias=self.source == "regions")
        self.align = self._make_adapter(self._pick(student, "student"), self._pick(teacher, "teacher"))

    def _make_adapter(self, student: Tensor, teacher: Tensor) -> nn.Module | None:
        if self.adapter is not None:
            return self.adapter(student.shape, teacher.shape)
        if self._try_view(student).shape == self._try_view(teacher).shape:
            return None
        pooling = Align(student.shape, teacher.shape, channels=False)
        shapes = {self._try_view(x).shape for x in pooling(student, teacher)}
        return pooling if len(shapes) == 1 else Align(student.shape, teacher.shape)

    def forward(self, student: Knowledge, teacher: Knowledge, batch: Batch | None = None) -> Tensor:
        """The weighted term of a batch, a scalar. Where no adapter is needed, ``adapt`` need not be called.

        Raises:
            UserError: an adapter is needed, and ``adapt`` was not called; or a label is, and there is no batch.
        """
        if batch is None and self.needs_batch:
            raise UserError(
                f"the {self.source} node looks at the labels, and there is no batch; call distiller(student, teacher, "
                "batch)"
            )
        label = None if batch is None else batch.label
        own, taught = self._pick(student, "student"), self._pick(teacher, "teacher").detach()
        if label is not None:
            label = label.repeat(len(own) // len(label))
        with torch.autocast(own.device.type, enabled=False):
            dtype = full_dtype(self, own, taught)
            own, taught = own.to(dtype), taught.to(dtype)
            if self.align is not None:
                own, taught = self.align(own, taught)
            for step in self.transform:
                if isinstance(step, RandomTransform):
                    step.redraw()
            views = self._view(own, label, self.tau), self._view(taught, label, self.tau_teacher)
            self._check_adapted(*views)
            softened = views[0] / self.tau, views[1] / self.tau_teacher
            if self.sample_weight == ONE:
                distance: Tensor = self.distance(*softened)
                return self.weight * self.tau**2 * distance
            said = (taught if self.source == "regions" else teacher.logits.detach()).to(dtype)
            weights = weigh_samples(self.sample_weight, said, self.tau_teacher, label, len(teacher.logits))
            return self.weight * self.tau**2 * (weights * self.distance.each(*softened)).mean()

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
        view += str(list(self.grids)) if self.source == "regions" else ""
        for step in self.transform:
            view = f"{type(step).__name__}({view})"
        taught = f", {view} / {self.tau_teacher:g}" if self.tau_teacher != self.tau else ""
        distance = f"{type(self.distance).__name__}({view} / {self.tau:g}{taught})"
        counted = "" if self.sample_weight == ONE else f"{self.sample_weight} * "
        return f"{self.weight:g}{self.course.describe()} * {self.tau:g}² * {counted}{distance}"

    def _pick(self, knowledge: Knowledge, whose: str) -> Tensor:
        part = "feature" if self.source in CLASS_MAPS else self.source
        check_given(knowledge, part, f"the {self.source} node", whose)
        if self.source in CLASS_MAPS:
            if whose not in self.class_maps:
                raise UserError(
                    f"the {self.source} node needs both networks; call adapt(...) of the distiller first, with "
                    "Context.of(student, teacher, image) of uniads.distiller.base"
                )
            maps: Tensor = self.class_maps[whose](knowledge.features[-1])
            return regions(maps, self.grids) if self.source == "regions" else maps
        if self.source == "embedding":
            return knowledge.embedding
        if self.source == "logits":
            return knowledge.logits
        taps = len(knowledge.features)
        if not -taps <= self.tap < taps:
            raise UserError(f"the {whose} has taps 0 to {taps - 1}, got tap {self.tap}")
        return knowledge.features[self.tap]

    def _try_view(self, x: Tensor) -> Tensor:
        """The view of an example, whose labels do not matter."""
        return self._view(x, torch.zeros(len(x), dtype=torch.long, device=x.device), self.tau)

    def _view(self, x: Tensor, label: Tensor | None, tau: float) -> Tensor:
        for step in self.transform:
            x = step(x, label, tau)
        return x
