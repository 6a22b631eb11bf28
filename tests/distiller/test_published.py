"""What holds for every published distiller in a training: odd batches, half precision, learning, resuming."""

import copy
from functools import cache
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.distiller.contexts import context_of
from uniads import build
from uniads.distiller.base import Distiller
from uniads.distiller.context import knowledge_of
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network

TABLE_3 = ("kd", "fitnet", "at", "sp", "cc", "rkd", "crd", "dist", "srrl", "semckd")
CLASSES, SIZE = 10, 16
SMALL = {"num_classes": CLASSES, "in_channels": 1}
SINCE = ("kd_ls", "dkd", "dkd_ls", "ttm", "wttm", "wkd_f", "pkt", "nst", "vkd", "ofa", "review", "ickd", "mlkd")
every = pytest.mark.parametrize("name", [*TABLE_3, "dist_imagenet", *SINCE])


@cache
def batches() -> list[Batch]:
    """Real images, augmented as in a training."""
    return list(islice(build("data", "digits").train(SIZE), 10))


@cache
def networks() -> tuple[Network, Network]:
    """A student and a wider teacher; tests that train take copies."""
    torch.manual_seed(0)
    return build("model", "resnet8", width=0.5, **SMALL), build("model", "resnet8", **SMALL).eval().requires_grad_(
        False
    )


@cache
def labels() -> Tensor:
    return build("data", "digits").label(train=True)


@cache  # composing takes longer than all else here
def fresh(name: str) -> Distiller:
    return build("distiller", name)


def adapted(name: str, student: Network, teacher: Network, **more: Any) -> Distiller:
    torch.manual_seed(1)
    distiller = copy.deepcopy(fresh(name))
    known = (knowledge_of(network, torch.zeros(2, 1, 8, 8)) for network in (student, teacher))
    settings = {"teacher": teacher, "index_size": len(labels()), "batch_size": SIZE, "label": labels()}
    distiller.adapt(context_of(*known, **{**settings, **more}))
    return distiller


def cut(batch: Batch, n: int) -> Batch:
    return Batch(*(part[:n] for part in batch))


def terms(distiller: Distiller, batch: Batch) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The terms of a batch, and the gradients of all that trains."""
    student, teacher = networks()
    known = student.eval()(batch.image)
    found = distiller(known, teacher(batch.image), batch)
    trained = [*student.parameters(), *distiller.parameters()]
    gradients = torch.autograd.grad(sum(found.values()), trained, materialize_grads=True, allow_unused=True)
    return found, list(gradients)


@every
@pytest.mark.parametrize("n", [1, 5, SIZE + 1])
def test_any_batch_will_do(name: str, n: int) -> None:
    both = batches()[:2]
    batch = cut(Batch(*(torch.cat(parts) for parts in zip(*both, strict=True))), n)
    found, gradients = terms(adapted(name, *networks()), batch)
    assert found
    assert all(term.shape == () and term.isfinite() for term in found.values())
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@every
def test_terms_are_float32_and_the_same_under_autocast(name: str) -> None:
    batch = batches()[0]
    student, teacher = networks()
    known, said = student.eval()(batch.image), teacher(batch.image)
    plain, under = adapted(name, *networks()), adapted(name, *networks())
    wanted = plain(known, said, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = under(known, said, batch)
        half = Knowledge(
            tuple(f.bfloat16() for f in known.features), known.embedding.bfloat16(), known.logits.bfloat16()
        )
        rough = under(half, said, batch)
    for term, value in wanted.items():
        assert found[term].dtype == rough[term].dtype == torch.float32
        assert torch.equal(found[term], value)
        assert rough[term].isfinite()


@every
def test_a_student_comes_closer_to_its_teacher_and_the_teacher_stays(name: str) -> None:
    student, teacher = (copy.deepcopy(network) for network in networks())
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    distiller = adapted(name, student, teacher)
    rate = {"sp": 1e-3, "fitnet": 1e-3, "at": 1e-2, "semckd": 1e-3}.get(name, 5e-3)
    optimizer = torch.optim.Adam([*student.train().parameters(), *distiller.train().parameters()], rate)
    values = []
    for batch in batches()[:2] * 20:
        loss = sum(distiller(student(batch.image), teacher(batch.image), batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item() - (least(teacher(batch.image)) if name == "ofa" else 0))
    assert sum(values[-4:]) < 0.95 * sum(values[:4]), values
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def least(said: Knowledge) -> float:
    """OFA's value where all its four logits are the teacher's: it is a cross-entropy, and not 0 there."""
    return 4 * torch.distributions.Categorical(logits=said.logits).entropy().mean().item()


@pytest.mark.parametrize("name", ["crd", "semckd", "ofa", "review"])
def test_a_resumed_training_goes_on_to_the_bit(name: str) -> None:
    student, teacher = networks()

    def step(distiller: Distiller, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
        loss = sum(distiller(student.eval()(batch.image), teacher(batch.image), batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    whole, again = adapted(name, student, teacher), adapted(name, student, teacher)
    nn.init.zeros_(next(again.parameters()))
    first = torch.optim.SGD(whole.parameters(), 0.01, 0.9)
    for batch in batches()[:3]:
        step(whole, first, batch)
    second = torch.optim.SGD(again.parameters(), 0.01, 0.9)
    again.load_state_dict(copy.deepcopy(whole.state_dict()))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for batch in batches()[3:5]:
        assert step(whole, first, batch) == step(again, second, batch)
    assert all(torch.equal(a, b) for a, b in zip(whole.buffers(), again.buffers(), strict=True))


def test_crd_draws_each_negative_once_from_other_classes_that_are_trained_on() -> None:
    label = labels().clone()
    label[label == 3] = -1
    distiller = adapted("crd", *networks(), label=label)
    crd = distiller.nodes["crd"]
    drawn = crd._draw_negatives(batches()[0])
    assert drawn.shape == (SIZE, crd.k)
    assert crd.k == (label >= 0).sum() - label[label >= 0].bincount().max()
    for own, row in zip(batches()[0].label, drawn, strict=True):
        assert len(row.unique()) == crd.k
        assert not (label[row] == own).any()
        assert (label[row] >= 0).all()
    assert not torch.equal(crd._draw_negatives(batches()[0]), drawn)


def test_crd_keeps_its_first_z_and_moves_only_the_rows_of_the_batch() -> None:
    distiller = adapted("crd", *networks())
    crd = distiller.nodes["crd"]
    before = crd.memory_s.clone()
    terms(distiller, batches()[0])
    z = crd.log_z.clone()
    moved = (crd.memory_s != before).any(1).nonzero().flatten()
    assert torch.equal(moved, batches()[0].index.sort().values)
    torch.testing.assert_close(crd.memory_s[moved].norm(dim=1), torch.ones(len(moved)))
    terms(distiller, batches()[1])
    assert torch.equal(crd.log_z, z)


def test_crd_at_a_tiny_temperature_does_not_overflow() -> None:
    distiller = adapted("crd", *networks())
    distiller.nodes["crd"].tau = 1e-3
    found, gradients = terms(distiller, batches()[0])
    assert found["crd"].isfinite()
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_crd_of_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="crd needs training images of two classes or more, got 9 of one class"):
        adapted("crd", *networks(), label=torch.zeros(9, dtype=torch.long))


def test_cc_depends_on_the_order_as_coded_and_not_as_written() -> None:
    batch = batches()[0]
    other = Batch(*(part.roll(5, 0) for part in batch))
    with torch.no_grad():
        distiller = adapted("cc", *networks())
        assert terms_of(distiller, batch) != pytest.approx(terms_of(distiller, other), rel=1e-4)
        distiller.nodes["cc"].kernel = "gaussian"
        assert terms_of(distiller, batch) == pytest.approx(terms_of(distiller, other), rel=1e-4)


def terms_of(distiller: Distiller, batch: Batch) -> float:
    student, teacher = networks()
    return sum(distiller(student.eval()(batch.image), teacher(batch.image), batch).values()).item()


@pytest.mark.parametrize("name", ["sp", "rkd", "at", "dist"])
def test_relations_do_not_see_scale_and_order(name: str) -> None:
    torch.manual_seed(0)
    student, teacher = networks()
    known, said = (network.eval()(batches()[0].image) for network in (student, teacher))
    distiller = adapted(name, student, teacher)
    order = torch.randperm(SIZE)

    def changed(k: Knowledge) -> Knowledge:
        logits = k.logits + 3 if name == "dist" else k.logits
        return Knowledge(tuple(2 * f[order] for f in k.features), 2 * k.embedding[order], logits[order])

    value = sum(distiller(known, said, batches()[0]).values()).item()
    other = sum(distiller(changed(known), changed(said), batches()[0]).values()).item()
    assert other == pytest.approx(value, rel=1e-3)


@every
def test_a_copy_of_the_teacher_is_at_distance_zero_where_nothing_is_learned(name: str) -> None:
    _, teacher = networks()
    distiller = adapted(name, teacher, teacher)
    value = terms_of_pair(distiller, teacher)
    assert value >= -1e-6
    if not list(distiller.parameters()) and name not in ("ttm", "wttm"):  # which give the teacher another temperature
        assert value == pytest.approx(0, abs=1e-2)


def terms_of_pair(distiller: Distiller, network: Network) -> float:
    known = network(batches()[0].image)
    # DIST adds 1e-8 to a product of norms, which counts while the logits of a new network are all alike.
    known = known._replace(logits=20 * known.logits)
    return sum(distiller(known, known, batches()[0]).values()).item()


def test_srrl_without_a_linear_classifier_says_so() -> None:
    known = Knowledge((torch.zeros(2, 3, 4, 4),) * 2, torch.randn(2, 5), torch.randn(2, 7))
    with pytest.raises(ValueError, match="of the teacher, Identity, makes its 7 logits out of its embedding of 5"):
        build("distiller", "srrl").adapt(context_of(known, known))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("at", "no feature map beside the stem's"),
        ("semckd", "after the stem's"),
        ("review", "after the stem's"),
        ("ofa", "after the stem's"),
    ],
)
def test_networks_without_middle_taps_are_refused(name: str, says: str) -> None:
    known = Knowledge((torch.zeros(2, 3, 4, 4),), torch.zeros(2, 5), torch.zeros(2, 7))
    with pytest.raises(ValueError, match=says):
        build("distiller", name).adapt(context_of(known, known))
