"""Class activation maps and the logits of regions, of networks with and without layers between last tap and pooling."""

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from uniads import build
from uniads.distiller.base import Context, Distiller
from uniads.distiller.class_maps import ClassMaps, regions
from uniads.distiller.sample_weight import weigh_samples
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network, knowledge_of

N, CLASSES = 4, 6
NETWORKS = ("resnet8", "wrn_16_1", "vgg8", "mobilenetv2", "shufflenetv1", "shufflenetv2")


def network(name: str, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    made: Network = build("model", name, num_classes=CLASSES, in_channels=1)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as if it had been trained
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return made.double()


def batch() -> Batch:
    image = torch.randn(N, 1, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return Batch(image, torch.arange(N) % CLASSES, torch.arange(N))


def adapted(name: str, student: Network, teacher: Network) -> Distiller:
    distiller: Distiller = build("distiller", name)
    distiller.adapt(Context.of(student, teacher, batch().image))
    return distiller


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("trained", [True, False])
def test_the_mean_of_class_maps_are_the_logits(name: str, trained: bool) -> None:
    made = network(name).train(trained)
    image = batch().image
    maps = ClassMaps(made, knowledge_of(made, image), image, trained)
    known = made(image) if trained else knowledge_of(made, image)
    torch.testing.assert_close(maps(known.features[-1]).mean((2, 3)), known.logits, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_counts_once_in_a_students_statistics(name: str) -> None:
    made, alone = network(name).train(), network(name).train()
    image = batch().image
    maps = ClassMaps(made, knowledge_of(made, image), image, trained=True)
    maps(made(image).features[-1])
    alone(image)
    assert all(torch.equal(a, b) for a, b in zip(made.buffers(), alone.buffers(), strict=True))


def test_a_network_whose_embedding_is_no_mean_of_a_map_is_refused() -> None:
    image = batch().image
    teacher = network("resnet8")
    odd = Knowledge((torch.zeros(N, 3, 2, 2, dtype=torch.float64),), torch.ones(N, 3).double(), torch.zeros(N, CLASSES))

    class Odd(torch.nn.Module):
        def forward(self, image: Tensor) -> Knowledge:
            return odd

    with pytest.raises(UserError, match="the embedding of the student, Odd, is not the mean of its last feature map"):
        build("distiller", "cat_kd").adapt(Context.of(Odd(), teacher, image))


def test_a_node_of_class_maps_says_what_it_needs() -> None:
    known = knowledge_of(network("resnet8"), batch().image)
    distiller = build("distiller", "cat_kd")
    with pytest.raises(UserError, match="the cam node needs both networks; call adapt"):
        distiller(known, known)
    with pytest.raises(UserError, match="the cam node needs the context's student"):
        distiller.adapt(known, known)


def class_maps_by_hand(made: Network, known: Knowledge, bias: bool = True) -> Tensor:
    """Of a WRN: batch norm, ReLU, and the classifier at each position."""
    x, norm, head = known.features[-1], made.bn1, made.fc
    if norm.training:
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    else:
        mean, var = (s.view(1, -1, 1, 1) for s in (norm.running_mean, norm.running_var))
    scale, shift = (p.view(1, -1, 1, 1) for p in (norm.weight, norm.bias))
    before = ((x - mean) / (var + norm.eps).sqrt() * scale + shift).relu()
    maps = torch.einsum("kc,nchw->nkhw", head.weight, before)
    return maps + head.bias.view(1, -1, 1, 1) if bias else maps


def cat_kd(s: Tensor, t: Tensor, b: Batch) -> Tensor:
    height, width = s.shape[2] // 2, s.shape[3] // 2
    cells = [(i, j) for i in (0, 1) for j in (0, 1)]
    blocks = [
        [m[:, :, i * height : (i + 1) * height, j * width : (j + 1) * width].mean((2, 3)) for i, j in cells]
        for m in (s, t)
    ]
    return 12 * torch.stack([((a - c) ** 2).mean() for a, c in zip(*blocks, strict=True)]).mean()


def regions_by_hand(maps: Tensor, n: int) -> list[Tensor]:
    side = maps.shape[-1]
    found = []
    for grid in (1, 2, 4):
        step = side // grid
        found += [maps[n, :, i * step : (i + 1) * step, j * step : (j + 1) * step].mean((1, 2))
                  for i in range(grid) for j in range(grid)]  # fmt: skip
    return found


def sdd(s: Tensor, t: Tensor, b: Batch, decoupled: bool) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for n, y in enumerate(b.label.tolist()):
        pairs = list(zip(regions_by_hand(s, n), regions_by_hand(t, n), strict=True))
        whole = int(pairs[0][1].argmax()) == y
        for mine, taught in pairs:
            weight = 2.0 if (int(taught.argmax()) == y) != whole else 1.0
            p, q = (mine / 4).softmax(0), (taught / 4).softmax(0)
            if not decoupled:
                total = total + weight * 0.9 * (q * (q / p).log()).sum()
                continue
            others = [c for c in range(CLASSES) if c != y]
            a, c = p[others] / p[others].sum(), q[others] / q[others].sum()
            target = q[y] * (q[y] / p[y]).log() + (1 - q[y]) * ((1 - q[y]) / (1 - p[y])).log()
            total = total + weight * (target + 8 * (c * (c / a).log()).sum())
    return 16 * total / (len(b.label) * 21)


@pytest.mark.parametrize("name", ["cat_kd", "sdd_kd", "sdd_dkd"])
def test_a_distiller_is_its_formula(name: str) -> None:
    """Value, and gradient of all of the student's weights, its last batch norm and its classifier among them."""
    student, teacher = network("wrn_16_1").train(), network("wrn_16_1", 1).eval()
    distiller, b = adapted(name, student, teacher), batch()
    formula = {"cat_kd": cat_kd, "sdd_kd": lambda *x: sdd(*x, False), "sdd_dkd": lambda *x: sdd(*x, True)}[name]
    said = knowledge_of(teacher, b.image)
    with torch.no_grad():
        taught = class_maps_by_hand(teacher, said, name != "cat_kd")
    known = student(b.image)
    own = class_maps_by_hand(student, known, name != "cat_kd")
    results = []
    for loss in (sum(distiller(known, said, b).values()), formula(own, taught, b)):
        gradients = torch.autograd.grad(loss, list(student.parameters()), retain_graph=True, materialize_grads=True)
        results.append((loss, *gradients))
    for mine, wanted in zip(*results, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-9)


def test_a_pair_of_two_families_compares_pooled_maps_of_length_1() -> None:
    """As the code of CAT-KD's authors does for it; the length of a map then changes nothing."""
    student, teacher = network("wrn_16_1").eval(), network("wrn_16_1", 1).eval()
    values = {"cam.transform.first": {"size": 2, "normalise": True}}
    distiller: Distiller = build("distiller", "cat_kd", cam={"weight": 80}, **values)
    distiller.adapt(Context.of(student, teacher, batch().image))
    b = batch()
    known, said = knowledge_of(student, b.image), knowledge_of(teacher, b.image)
    pooled = [
        class_maps_by_hand(made, of, bias=False).unflatten(3, (2, -1)).unflatten(2, (2, -1)).mean((3, 5)).flatten(2)
        for made, of in ((student, known), (teacher, said))
    ]
    unit = [x / x.square().sum(-1, keepdim=True).sqrt() for x in pooled]
    found = sum(distiller(known, said, b).values())
    torch.testing.assert_close(found, 80 * (unit[0] - unit[1]).square().mean(), rtol=1e-9, atol=1e-9)


def test_regions_of_one_are_the_logits_and_labels_go_along() -> None:
    maps = torch.randn(N, CLASSES, 4, 4, dtype=torch.float64)
    found = regions(maps, (1, 2))
    assert found.shape == (5 * N, CLASSES)
    torch.testing.assert_close(found[:N], maps.mean((2, 3)))
    torch.testing.assert_close(found[N : 2 * N], F.avg_pool2d(maps, 2)[:, :, 0, 0])


def test_regions_that_contradict_the_image_count_double() -> None:
    logits = torch.eye(3)[[0, 1, 2, 0, 2, 2]]
    label = torch.tensor([0, 0]).repeat(3)  # right: True, False | False, True | False, False
    assert weigh_samples("disagreement", logits, 1.0, label, 2).tolist() == [1, 1, 2, 2, 2, 1]


@pytest.mark.parametrize("name", ["cat_kd", "sdd_kd"])
def test_nothing_trains_beside_the_student_and_the_teacher_stays(name: str) -> None:
    student, teacher = network("resnet8").train(), network("wrn_16_1", 1).train()
    before = copy.deepcopy(teacher.state_dict())
    distiller = adapted(name, student, teacher)
    assert not list(distiller.parameters())
    assert not distiller.state_dict() or all("maps" not in key for key in distiller.state_dict())
    optimizer = torch.optim.SGD(student.parameters(), 0.1)
    values = []
    for _ in range(6):
        loss = sum(distiller(student(batch().image), knowledge_of(teacher, batch().image), batch()).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0]
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
