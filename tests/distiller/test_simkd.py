"""SimKD: the loss, the teacher's map, and who is dressed."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from uniads import build
from uniads.distiller.base import Context
from uniads.distiller.composed import Composed
from uniads.distiller.simkd import SimKD
from uniads.distiller.still import Still
from uniads.distiller.taps import needed_taps
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network, count_params
from uniads.model.connected import Connected

SMALL = {"num_classes": 5, "in_channels": 1}


def network(name: str, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    built: Network = build("model", name, **SMALL)
    return built


def images(n: int = 4, side: int = 16) -> Tensor:
    return torch.randn(n, 1, side, side, generator=torch.Generator().manual_seed(1))


def taught(name: str) -> Network:
    """A teacher whose batch norms have seen something."""
    teacher = network(name, seed=1).train()
    for _ in range(3):
        teacher(images(16))
    return teacher.eval()


def pair(student: str = "resnet8", teacher: str = "wrn_16_1", **more: float) -> tuple[Composed, Connected, Network]:
    master, distiller = taught(teacher), Composed(task=0.0, simkd=SimKD(**more))
    dressed = distiller.dress(network(student), master, images(2))
    assert isinstance(dressed, Connected)
    distiller.adapt(Context.of(dressed, master, images(2)))
    return distiller, dressed, master


def average(x: Tensor, side: int) -> Tensor:
    n, channels, height, width = x.shape
    return x.reshape(n, channels, side, height // side, side, width // side).mean((3, 5))


def before_pooling(name: str, teacher: Network, last: Tensor) -> Tensor:
    """The map that the teacher's embedding is the mean of, by hand."""
    norm = {"wrn_16_1": lambda: teacher.bn1, "mobilenetv2": lambda: teacher.conv2[1], "resnet14": lambda: None}[name]()
    if norm is None:
        return last
    x = torch.einsum("nihw,oi->nohw", last, teacher.conv2[0].weight[:, :, 0, 0]) if name == "mobilenetv2" else last
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return ((x - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]).clamp(min=0)


@pytest.mark.parametrize(
    ("student", "teacher", "n"),
    [
        ("resnet8", "resnet14", 4),
        ("vgg8", "wrn_16_1", 4),
        ("mobilenetv2", "wrn_16_1", 1),
        ("wrn_16_1", "mobilenetv2", 4),
    ],
)
def test_the_loss_is_the_mean_square_between_the_maps(student: str, teacher: str, n: int) -> None:
    distiller, dressed, master = pair(student, teacher, weight=3.0)
    for each in (distiller, dressed, master):
        each.double()
    own, said = dressed.eval()(images(n).double()), master(images(n).double())
    target = before_pooling(teacher, master, said.features[-1])
    torch.testing.assert_close(target.mean((2, 3)), said.embedding, rtol=1e-9, atol=1e-9)
    side = min(own.features[-1].shape[2], target.shape[2])
    assert own.features[-1].shape[2] == side
    wanted = 3.0 * (own.features[-1] - average(target, side)).square().mean()
    (loss,) = distiller(own, said).values()
    torch.testing.assert_close(loss, wanted, rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(loss, own.features[-1], retain_graph=True)
    by_hand = 6.0 * (own.features[-1] - average(target, side)) / target[..., :side, :side].numel()
    torch.testing.assert_close(gradient, by_hand, rtol=1e-9, atol=1e-12)


def test_a_student_that_shows_the_teachers_map_has_no_loss_and_the_teachers_logits() -> None:
    distiller, dressed, master = pair("wrn_16_1", "wrn_16_1")
    dressed.body = copy.deepcopy(master)
    dressed.connector = nn.Sequential(copy.deepcopy(master.neck()))
    with torch.no_grad():
        own, said = dressed.eval()(images()), master(images())
    assert distiller(own, said)["simkd"] == 0
    torch.testing.assert_close(own.logits, said.logits)


def test_the_student_is_counted_with_its_connector_and_the_distiller_has_nothing_to_train() -> None:
    bare = count_params(network("resnet8"))
    distiller, dressed, _ = pair()
    connector = 64 * 32 + 9 * 32 * 32 + 32 * 64 + 2 * (32 + 32 + 64)
    assert count_params(dressed) == bare + connector  # both classifiers are of 64 to 5
    assert not list(distiller.parameters())
    assert not distiller.state_dict()


def test_the_teacher_stays_to_the_bit_and_the_student_comes_closer_through_it() -> None:
    distiller, dressed, master = pair()
    before, copied = copy.deepcopy(master.state_dict()), copy.deepcopy(dressed.classifier.state_dict())
    optimizer = torch.optim.Adam([*dressed.train().parameters(), *distiller.train().parameters()], 1e-2)
    losses = []
    for _ in range(20):
        with torch.no_grad():
            said = master(images())
        loss = distiller(dressed(images()), said)["simkd"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert not master.training
    assert all(torch.equal(value, before[key]) for key, value in master.state_dict().items())
    assert torch.equal(dressed.classifier.weight, master.fc.weight)
    assert all(torch.equal(value, copied[key]) for key, value in dressed.classifier.state_dict().items())


def test_it_is_the_same_under_autocast_and_for_half_precision_finite_in_float32() -> None:
    distiller, dressed, master = pair()
    with torch.no_grad():
        own, said = dressed.eval()(images()), master(images())
    wanted = distiller(own, said)["simkd"]
    half = [Knowledge(tuple(f.bfloat16() for f in k.features), k.embedding, k.logits) for k in (own, said)]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distiller(own, said)["simkd"], wanted)
        rough = distiller(*half)["simkd"]
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, wanted, rtol=2e-2, atol=0)


def test_a_still_part_answers_in_eval_mode_and_moves_with_its_holder() -> None:
    norm = nn.BatchNorm2d(3).train()
    norm(images().expand(4, 3, 16, 16))
    holder = nn.ModuleDict({"still": Still(norm)}).train()
    wanted = norm.eval()(images(1).expand(1, 3, 16, 16))
    assert torch.equal(holder["still"](images(1).expand(1, 3, 16, 16)), wanted)
    assert not holder.state_dict()
    assert not list(holder.parameters())
    holder.double()
    assert holder["still"]._held[0].weight.dtype == torch.float64
    assert norm.weight.dtype == torch.float32
    assert copy.deepcopy(holder)["still"]._held[0] is not holder["still"]._held[0]


def test_a_store_keeps_the_last_map_alone() -> None:
    assert needed_taps(build("distiller", "simkd"), 4) == (3,)
    assert needed_taps(build("distiller", "semckd"), 4) == (0, 1, 2, 3)
    assert needed_taps(Composed(simkd=SimKD(), at=build("distiller", "fitnet").terms()["feature"]), 4) == (2, 3)


def test_weight_0_leaves_the_student_as_it_is() -> None:
    student, distiller = network("resnet8"), Composed(simkd=SimKD(weight=0))
    assert not distiller.dresses
    assert distiller.dress(student, None, images(2)) is student
    assert all(not build("distiller", name).dresses for name in ("kd", "srrl", "plain", "one"))


def tapped(name: str) -> Network:
    return build("model", "torchvision", name=name, **SMALL)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimKD(factor=0), "simkd.factor must be at least 1, got 0"),
        (lambda: SimKD().dress(network("resnet8"), None, images(2)), "there is no teacher; give one"),
        (lambda: SimKD().dress(nn.Identity(), network("resnet8"), images(2)), "connects a .*Network .*got Identity"),
        (lambda: SimKD().dress(pair()[1], network("resnet8"), images(2)), "not connected yet, got Connected"),
        (
            lambda: SimKD().dress(network("resnet8"), tapped("mobilenet_v3_small"), images(2, 32)),
            "is not the mean of its last",
        ),
        (
            lambda: Composed(simkd=SimKD()).adapt(Context.of(network("resnet8"), network("resnet14"), images(2))),
            r"give distiller\.dress\(student, teacher, image\) in the student's place",
        ),
        (
            lambda: pair(teacher="mobilenetv2")[0](network("resnet8")(images()), taught("mobilenetv2")(images())),
            "got 64 of the student and 1280 of the teacher; show it what the dressed student says",
        ),
    ],
)
def test_what_can_be_no_simkd_is_refused_with_what_to_do(make: partial[object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_on_meta_it_is_counted_without_a_value() -> None:
    _, dressed, _ = pair("mobilenetv2", "wrn_16_1")
    state = torch.get_rng_state()
    with torch.device("meta"):
        twins = (build("model", name, **SMALL) for name in ("mobilenetv2", "wrn_16_1"))
        shadow = SimKD().dress(*twins, torch.zeros(2, 1, 16, 16))
    assert torch.equal(torch.get_rng_state(), state)
    assert {key: value.shape for key, value in shadow.state_dict().items()} == {
        key: value.shape for key, value in dressed.state_dict().items()
    }
    assert count_params(shadow) == count_params(dressed)


def test_a_batch_is_not_needed() -> None:
    distiller, dressed, master = pair()
    batch = Batch(images(), torch.arange(4), torch.arange(4))
    own, said = dressed.eval()(images()), master(images())
    assert torch.equal(distiller(own, said)["simkd"], distiller(own, said, batch)["simkd"])
