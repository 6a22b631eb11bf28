"""What every distiller promises."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from uniads.distiller.base import Context, Distiller
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network
from uniads.model.resnet import ResNet
from uniads.testing.promise import judge, require

Make = Callable[[], Distiller]

CLASSES, IMAGES = 10, 6


def check_distiller(make: Make) -> None:
    """Check all promises of a distiller, between two small ResNets. A term is checked as ``Composed(term=MyTerm())``.

    Args:
        make: makes one, such as ``lambda: Composed(my_term=MyTerm(weight=2.0))``.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make)


def gives_finite_scalars(make: Make) -> None:
    """Each term is a finite scalar in float32 at least, for a batch of one and for half-precision knowledge, too."""
    distiller, student, teacher, batch = _prepare(make)
    name = type(distiller).__name__
    for n in (IMAGES, 1):
        part = Batch(*(each[:n] for each in batch))
        known = student.eval()(part.image), teacher(part.image)
        for dtype in (torch.float32, torch.bfloat16):
            views = [_convert(each, dtype) for each in known]
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
                terms = distiller(*views, part)
            for term, value in terms.items():
                case = f"the term {term!r} of {name}, for {n} images in {dtype},"
                require(value.shape == (), f"{case} must be a scalar, got shape {tuple(value.shape)}")
                require(value.isfinite(), f"{case} must be finite, got {value}")
                require(value.dtype.itemsize >= 4, f"{case} must be in float32 at least, got {value.dtype}")


def teaches_the_student_alone(make: Make) -> None:
    """The gradient of the terms is finite, reaches the student where there are any, and never the teacher."""
    distiller, student, teacher, batch = _prepare(make)
    name = type(distiller).__name__
    terms = distiller(student(batch.image), teacher.requires_grad_()(batch.image), batch)
    if not terms:
        return
    torch.stack([value.float() for value in terms.values()]).sum().backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    reached = any(gradient.any() for gradient in gradients)
    require(reached or not distiller.needs_teacher, f"the gradient of {name} must reach the student")
    require(all(gradient.isfinite().all() for gradient in gradients), f"the gradient of {name} must be finite")
    untouched = all(parameter.grad is None for parameter in teacher.parameters())
    require(untouched, f"the gradient of {name} must not reach the teacher")


def can_be_resumed(make: Make) -> None:
    """Another one that loads the state gives the same terms for the next batch."""
    distiller, student, teacher, batch = _prepare(make)
    known = student.eval()(batch.image), teacher(batch.image)
    with torch.no_grad():
        distiller(*known, batch)
        state = deepcopy(distiller.state_dict())
        expected = distiller(*known, batch)
        other, *_ = _prepare(make, seed=2)
        other.load_state_dict(state)
        resumed = other(*known, batch)
    same = expected.keys() == resumed.keys() and all(torch.equal(expected[term], resumed[term]) for term in expected)
    require(same, f"{type(distiller).__name__} must go on from its state as if it had not been interrupted")


def says_what_it_is(make: Make) -> None:
    """It has a formula in one line, and a weight of the task that is finite and at least 0."""
    distiller = make()
    name = type(distiller).__name__
    require(isinstance(distiller, Distiller), f"{name} must be a uniads.distiller.base.Distiller")
    formula = distiller.formula()
    require(formula and "\n" not in formula, f"the formula of {name} must be one line, got {formula!r}")
    require(0 <= distiller.task < float("inf"), f"{name}.task must be finite and at least 0, got {distiller.task}")


PROMISES: tuple[Callable[[Make], None], ...] = (
    says_what_it_is,
    gives_finite_scalars,
    teaches_the_student_alone,
    can_be_resumed,
)
"""Each takes a function that makes a distiller, and raises an AssertionError where it is broken."""


def _build_network(width: float) -> Network:
    return ResNet([1, 1, 1], [8, 8, 16, 32], width, num_classes=CLASSES, in_channels=1)


def _prepare(make: Make, seed: int = 1) -> tuple[Distiller, Network, Network, Batch]:
    """An adapted distiller, its networks and a batch. The seed is of the adapters' weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student, teacher = _build_network(0.5).train(), _build_network(1.0).eval()
        image = torch.randn(IMAGES, 1, 16, 16)
        torch.manual_seed(seed)
        distiller = make()
        dressed = distiller.dress(student, teacher, image[:2])
        require(isinstance(dressed, Network), f"{type(distiller).__name__}.dress must return a Network")
        assert isinstance(dressed, Network)
        student = dressed.train()
        label = torch.arange(40) % CLASSES
        distiller.adapt(
            Context.of(student, teacher, image[:2], label=label, batch_size=IMAGES, build=lambda: _build_network(0.5))
        )
    return distiller, student, teacher, Batch(image, label[:IMAGES], torch.arange(IMAGES))


def _convert(knowledge: Knowledge, dtype: torch.dtype) -> Knowledge:
    def convert(x: Tensor) -> Tensor:
        return x.to(dtype)

    return Knowledge(tuple(map(convert, knowledge.features)), convert(knowledge.embedding), convert(knowledge.logits))
