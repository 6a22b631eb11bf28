"""Distillers: named terms, nothing for weight 0, and a teacher that stays as it was."""

import copy

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from tests.distiller.contexts import context_of
from uniads import build, options
from uniads.distance.l2 import L2
from uniads.distiller.base import Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.context import knowledge_of
from uniads.distiller.node import Node
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network
from uniads.options import conf_dir
from uniads.transform.base import Transform
from uniads.transform.mask import Mask

SMALL = {"num_classes": 10, "in_channels": 1}


class Counted(Transform):
    """Leaves values as they are and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def compute(self, x: Tensor) -> Tensor:
        self.asked += 1
        return x


def batch(n: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(torch.randn(n, 1, 8, 8, generator=generator), torch.arange(n), torch.arange(n))


@pytest.fixture(scope="module")
def networks() -> tuple[Network, Network]:
    """A small student and a wider teacher."""
    torch.manual_seed(0)
    student, teacher = (build("model", name, **SMALL) for name in ("resnet8", "resnet8x4"))
    return student, teacher


@pytest.fixture(scope="module")
def known(networks: tuple[Network, Network]) -> tuple[Knowledge, Knowledge]:
    """What they say about the batch."""
    student, teacher = (knowledge_of(network, batch().image) for network in networks)
    return student, teacher


def test_terms_carry_the_names_of_their_nodes(known: tuple[Knowledge, Knowledge]) -> None:
    distiller = Composed(
        final=Node("logits", L2(), {}), last=Node("embedding", L2(), {}), middle=Node("feature", L2(), {}, tap=1)
    )
    distiller.adapt(context_of(*known))
    assert list(distiller(*known, batch())) == ["final", "last", "middle"]


def test_weight_0_leaves_no_term_no_adapter_and_no_cost(known: tuple[Knowledge, Knowledge]) -> None:
    asked, ignored = Counted(), Counted()
    distiller = Composed(
        here=Node("embedding", L2(), {"first": asked}), gone=Node("feature", L2(), {"first": ignored}, weight=0)
    )
    distiller.adapt(context_of(*known))
    terms = distiller(*known, batch())
    assert list(terms) == ["here"]
    assert not distiller.needs_features
    assert asked.asked > 0
    assert ignored.asked == 0
    assert not [name for name, _ in distiller.named_parameters() if "gone" in name]


def test_without_a_weighted_node_no_teacher_is_needed() -> None:
    assert not Composed().needs_teacher
    assert not Composed(gone=Node("logits", L2(), {}, weight=0)).needs_teacher
    assert Composed(here=Node("logits", L2(), {}, weight=0.01)).needs_teacher


@pytest.mark.parametrize("source", ["feature", "embedding", "logits"])
def test_feature_maps_are_asked_for_only_where_a_node_looks_at_them(source: str) -> None:
    assert Composed(node=Node(source, L2(), {})).needs_features == (source == "feature")


def test_adapters_train_with_the_distiller(known: tuple[Knowledge, Knowledge]) -> None:
    distiller = Composed(map=Node("feature", L2(), {}))
    distiller.adapt(context_of(*known))
    assert {name for name, _ in distiller.named_parameters()} == {
        "nodes.map.align.channels.weight",
        "nodes.map.align.channels.bias",
    }


def test_the_draws_of_random_transforms_are_part_of_the_state(known: tuple[Knowledge, Knowledge]) -> None:
    distiller, other = (Composed(map=Node("logits", L2(), {"first": Mask()})) for _ in range(2))
    distiller(*known, batch())
    other.load_state_dict(distiller.state_dict())
    assert other(*known, batch())["map"] == distiller(*known, batch())["map"]


def test_making_adapters_changes_no_network() -> None:
    networks = [build("model", name, **SMALL).train() for name in ("resnet8", "resnet8x4")]
    before = [{name: value.clone() for name, value in network.state_dict().items()} for network in networks]
    build("distiller", "searched").adapt(context_of(*(knowledge_of(network, batch().image) for network in networks)))
    for network, state in zip(networks, before, strict=True):
        assert network.training
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", [name for name in options("distiller") if name not in ("balanced", "modern")])
@pytest.mark.parametrize("images", [1, 4])
def test_every_option_gives_finite_named_scalars(
    name: str, images: int, known: tuple[Knowledge, Knowledge], networks: tuple[Network, Network]
) -> None:
    distiller: Distiller = build("distiller", name)
    student, teacher = (
        Knowledge(
            tuple(f[:images].clone() for f in k.features), k.embedding[:images].clone(), k.logits[:images].clone()
        )
        for k in known
    )
    peers = {"student": networks[0], "teacher": networks[1], "build": lambda: build("model", "resnet8", **SMALL)}
    if distiller.dresses:
        dressed = distiller.dress(copy.deepcopy(networks[0]), networks[1], batch().image)
        student, peers["student"] = knowledge_of(dressed, batch(images).image), dressed
    distiller.adapt(context_of(student, teacher, **peers))
    leaves = [*student.features, student.embedding, student.logits]
    for leaf in leaves:
        leaf.requires_grad_()
    terms = distiller(student, teacher, batch(images))
    assert all(term.shape == () and term.dtype == torch.float32 and term.isfinite() for term in terms.values())
    assert bool(terms) == (name != "plain")
    assert distiller.needs_teacher == (name not in ("plain", "one", "dml"))
    if terms:
        torch.stack(list(terms.values())).sum().backward()
        gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
        assert gradients
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_names_of_terms_are_those_of_the_file() -> None:
    found = {name: set(build("distiller", name).nodes) for name in ("kd", "searched", "plain")}
    assert found == {"kd": {"logits"}, "searched": {"feature", "embedding", "logits"}, "plain": set()}


def test_kd_is_hintons_loss_with_the_weights_of_its_file(known: tuple[Knowledge, Knowledge]) -> None:
    declared = OmegaConf.load(conf_dir() / "distiller" / "kd.yaml")
    tau, weight = declared.logits.tau, declared.logits.weight
    distiller = build("distiller", "kd")
    p, q = ((k.logits / tau).softmax(1) for k in reversed(known))
    term = distiller(*known, batch())["logits"]
    torch.testing.assert_close(term, weight * tau**2 * (p * (p / q).log()).sum(1).mean())
    assert distiller.task == declared.task == 0.1


@pytest.mark.parametrize("task", [-1.0, float("nan"), float("inf")])
def test_a_task_weight_that_is_none_is_refused(task: float) -> None:
    with pytest.raises(ValueError, match=r"distiller\.task must be 0 or more and finite"):
        Composed(task)
