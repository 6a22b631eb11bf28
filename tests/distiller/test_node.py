"""A node against Eq. 1 written out: tau² · weight · D(T(A_student)/tau, T(A_teacher)/tau)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance
from uniads.distance.cosine import Cosine
from uniads.distance.kl import KL
from uniads.distance.l1 import L1
from uniads.distance.l2 import L2
from uniads.distiller.node import Node
from uniads.knowledge import Knowledge
from uniads.transform.base import Transform
from uniads.transform.batch import Batch as Flat
from uniads.transform.bmm import BMM
from uniads.transform.drop import Drop
from uniads.transform.identity import Identity
from uniads.transform.mask import Mask
from uniads.transform.mm import MM
from uniads.transform.norm_c import NormC
from uniads.transform.pow2 import Pow2
from uniads.transform.relu import ReLU
from uniads.transform.satt import Satt
from uniads.transform.softmax_c import SoftmaxC
from uniads.transform.tanh import Tanh


def knowledge(seed: int, channels: int = 6, size: int = 4, vector: int = 5, n: int = 3) -> Knowledge:
    generator = torch.Generator().manual_seed(seed)
    features = tuple(torch.randn(n, channels, s, s, generator=generator) for s in (2 * size, size))
    return Knowledge(features, torch.randn(n, vector, generator=generator), torch.randn(n, 10, generator=generator) * 3)


def chain(*steps: Transform) -> dict[str, Transform]:
    return dict(zip(("first", "second", "third", "fourth"), steps, strict=False))


def kd(s: Tensor, t: Tensor, tau: float) -> Tensor:
    p, q = (t / tau).softmax(1), (s / tau).softmax(1)
    return (p * (p / q).log()).sum(1).mean()


FORMULAS: list[tuple[str, list[Transform], Distance, Callable[[Tensor, Tensor, float], Tensor]]] = [
    ("logits", [], KL(), kd),
    ("logits", [Tanh()], L2(), lambda s, t, tau: ((s.tanh() - t.tanh()) / tau).pow(2).mean()),
    ("embedding", [], L1(), lambda s, t, tau: ((s - t) / tau).abs().mean()),
    ("embedding", [Pow2()], L2(), lambda s, t, tau: ((s**2 - t**2) / tau).pow(2).mean()),
    ("feature", [ReLU(), Flat()], L1(), lambda s, t, tau: ((s.relu() - t.relu()) / tau).abs().mean()),
    (
        "feature",
        [NormC()],
        L2(),
        lambda s, t, tau: ((s / s.norm(dim=1, keepdim=True) - t / t.norm(dim=1, keepdim=True)) / tau).pow(2).mean(),
    ),
    (
        "feature",
        [Flat()],
        Cosine(),
        lambda s, t, tau: (1 - F.cosine_similarity(s.flatten(1), t.flatten(1), dim=1)).mean(),
    ),
]


@pytest.mark.parametrize(("source", "steps", "distance", "formula"), FORMULAS)
@pytest.mark.parametrize(("weight", "tau"), [(1.0, 1.0), (0.9, 4.0), (50, 16)])
def test_a_node_is_equation_1(
    source: str,
    steps: list[Transform],
    distance: Distance,
    formula: Callable[[Tensor, Tensor, float], Tensor],
    weight: float,
    tau: float,
) -> None:
    student, teacher = knowledge(0), knowledge(1)
    node = Node(source, distance, chain(*steps), weight, tau)
    node.adapt(student, teacher)
    s, t = (k.features[-1] if source == "feature" else getattr(k, source) for k in (student, teacher))
    torch.testing.assert_close(node(student, teacher), weight * tau**2 * formula(s, t, tau))


@pytest.mark.parametrize(("tap", "size"), [(0, 8), (1, 4), (-1, 4), (-2, 8)])
def test_a_tap_chooses_the_feature_map(tap: int, size: int) -> None:
    student, teacher = knowledge(0), knowledge(1)
    node = Node("feature", L2(), {}, tap=tap)
    assert student.features[tap].shape[-1] == size
    torch.testing.assert_close(node(student, teacher), F.mse_loss(student.features[tap], teacher.features[tap]))


def test_equal_shapes_get_no_adapter() -> None:
    for source in ("feature", "embedding", "logits"):
        node = Node(source, L2(), {})
        node.adapt(knowledge(0), knowledge(1))
        assert node.align is None
        assert not list(node.parameters())


@pytest.mark.parametrize("steps", [[MM()], [Flat(), MM()]])
def test_other_channels_need_no_adapter_where_the_view_has_one_shape(steps: list[Transform]) -> None:
    node = Node("feature", L2(), chain(*steps))
    node.adapt(knowledge(0, channels=4), knowledge(1, channels=6))
    assert node.align is None


@pytest.mark.parametrize(
    ("source", "student", "teacher", "shape"),
    [
        ("feature", knowledge(0, channels=4), knowledge(1, channels=6), (6, 4, 1, 1)),
        ("feature", knowledge(0, channels=4, size=8), knowledge(1, channels=6), (6, 4, 1, 1)),
        ("feature", knowledge(0, channels=4, size=2), knowledge(1, channels=6), (6, 4, 1, 1)),
        ("embedding", knowledge(0, vector=5), knowledge(1, vector=7), (7, 5)),
    ],
)
@pytest.mark.parametrize("steps", [[], [Tanh()], [ReLU(), Flat()], [BMM()]])
def test_other_shapes_get_an_adapter_from_the_students_channels_to_the_teachers(
    source: str, student: Knowledge, teacher: Knowledge, shape: tuple[int, ...], steps: list[Transform]
) -> None:
    node = Node(source, L2(), chain(*steps))
    node.adapt(student, teacher)
    assert [parameter.shape for parameter in node.parameters()] == [torch.Size(shape), torch.Size(shape[:1])]
    term = node(student, teacher)
    term.backward()
    assert term.isfinite()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in node.parameters())


def test_the_teachers_side_gets_no_gradient() -> None:
    student, teacher = knowledge(0), knowledge(1)
    student.logits.requires_grad_()
    teacher.logits.requires_grad_()
    Node("logits", KL(), {}, tau=4)(student, teacher).backward()
    assert student.logits.grad is not None
    assert teacher.logits.grad is None


@pytest.mark.parametrize("source", ["feature", "embedding", "logits"])
def test_a_term_is_float32_under_autocast(source: str) -> None:
    student, teacher = knowledge(0, channels=4, vector=4), knowledge(1)
    node = Node(source, L2(), {}, tau=4)
    node.adapt(student, teacher)
    plain = node(student, teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = node(student, teacher)
    assert under.dtype == torch.float32
    assert torch.equal(plain, under)


def test_half_precision_knowledge_is_raised_before_it_is_squared() -> None:
    big = Knowledge((), torch.full((2, 4), 300.0, dtype=torch.float16), torch.zeros(2, 3))
    zero = Knowledge((), torch.zeros(2, 4, dtype=torch.float16), torch.zeros(2, 3))
    assert Node("embedding", L2(), chain(Pow2()))(big, zero) == 300.0**4


@pytest.mark.parametrize("random", [Mask(), Drop()])
@pytest.mark.parametrize("source", ["feature", "embedding", "logits"])
def test_student_and_teacher_share_one_draw(random: Transform, source: str) -> None:
    node = Node(source, L2(), chain(random))
    known = knowledge(0)
    assert node(known, known) == 0


@pytest.mark.parametrize("random", [Mask, Drop])
def test_every_step_draws_anew_and_a_loaded_state_draws_on(random: type[Transform]) -> None:
    student, teacher = knowledge(0), knowledge(1)
    node = Node("feature", L2(), chain(random()))
    node(student, teacher)
    loaded = Node("feature", L2(), chain(random()))
    loaded.load_state_dict(node.state_dict())
    terms = [node(student, teacher).item() for _ in range(4)]
    assert len(set(terms)) == 4
    assert [loaded(student, teacher).item() for _ in range(4)] == terms


def test_a_softmax_makes_distributions_for_kl_also_through_an_identity() -> None:
    student, teacher = knowledge(0), knowledge(1)
    p, q = teacher.logits.softmax(1), student.logits.softmax(1)
    wanted = (p * (p / q).log()).sum(1).mean()
    for steps in ([SoftmaxC()], [SoftmaxC(), Identity()], [Identity(), SoftmaxC(), Identity()]):
        torch.testing.assert_close(Node("logits", KL(), chain(*steps))(student, teacher), wanted)


def test_a_softmax_that_is_not_last_makes_none() -> None:
    student, teacher = knowledge(0), knowledge(1)
    term = Node("logits", KL(), chain(SoftmaxC(), Pow2()))(student, teacher)
    torch.testing.assert_close(term, kd(student.logits.softmax(1) ** 2, teacher.logits.softmax(1) ** 2, 1.0))


def test_identities_cost_nothing_and_are_not_counted_as_steps() -> None:
    assert len(Node("logits", L2(), chain(Identity(), Tanh(), Identity())).transform) == 1
    Node("logits", L2(), {str(i): step for i, step in enumerate([Tanh(), Identity(), ReLU(), Identity(), Pow2()])})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "hint"}, "source must be one of feature, embedding, logits, cam, regions, got 'hint'"),
        ({"tau": 0}, "tau must be above 0 and finite, got 0"),
        ({"tau": -1.0}, "tau must be above 0 and finite"),
        ({"tau": float("inf")}, "tau must be above 0 and finite"),
        ({"tau": float("nan")}, "tau must be above 0 and finite"),
        ({"weight": -0.5}, "weight of the logits node must be 0 or more and finite, got -0.5"),
        ({"weight": float("nan")}, "weight of the logits node must be 0 or more and finite, got nan"),
        ({"weight": float("inf")}, "must be 0 or more and finite"),
        ({"transform": chain(Tanh(), ReLU(), Pow2(), Tanh())}, "at most three transforms, got 4"),
        ({"transform": chain(Satt())}, r"Satt can't come first: it takes rank \[3, 4\], got rank 2"),
        ({"source": "feature", "transform": chain(Flat(), Satt())}, "Satt can't come after Batch"),
    ],
)
def test_what_can_be_no_node_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Node(**{"source": "logits", "distance": L2(), "transform": {}, **arguments})


@pytest.mark.parametrize("tap", [2, -3])
def test_a_tap_that_a_network_lacks_is_refused(tap: int) -> None:
    with pytest.raises(ValueError, match=f"the student has taps 0 to 1, got tap {tap}"):
        Node("feature", L2(), {}, tap=tap).adapt(knowledge(0), knowledge(1))
