"""OFA-KD: value and gradient against its formula, its target by hand, its projectors, and networks of two families."""

from math import log

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VisionTransformer

from tests.distiller.contexts import context_of
from uniads import build
from uniads.distiller.base import Context
from uniads.distiller.ofa import OFA
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import count_params
from uniads.model.taps import Tapped

N, CLASSES = 5, 7
SHAPES = [(2, 8, 8), (3, 8, 8), (4, 4, 4), (6, 2, 2)]


def knowledge(seed: int, shapes: list[tuple[int, int, int]], width: int, classes: int = CLASSES) -> Knowledge:
    g = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64).requires_grad_()

    return Knowledge(tuple(draw(N, *shape) for shape in shapes), draw(N, width), draw(N, classes))


def batch(n: int = N) -> Batch:
    return Batch(torch.zeros(n, 1, 8, 8), torch.arange(n) % 3, torch.arange(n))


def adapted(student: Knowledge, teacher: Knowledge, **more: float) -> OFA:
    torch.manual_seed(0)
    term = OFA(**more)
    term.adapt(context_of(student, teacher))
    return term.double()


def logits_alone(*rows: list[float]) -> Knowledge:
    logits = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    return Knowledge((), logits.new_empty(len(rows), 0), logits)


def cross(z: Tensor, z_t: Tensor, label: Tensor, eps: float, tau: float) -> Tensor:
    """One image and one class after the other."""
    total = torch.zeros((), dtype=torch.float64)
    for n in range(len(z)):
        p = (z_t[n] / tau).exp() / (z_t[n] / tau).exp().sum()
        log_q = z[n] / tau - (z[n] / tau).exp().sum().log()
        for c in range(len(p)):
            hit = 1.0 if c == label[n] else 0.0
            total = total - ((p[c] + hit) ** eps - hit) * log_q[c]
    return total / len(z)


def convolved(x: Tensor, layer: nn.Conv2d, alone: bool) -> Tensor:
    """A 3x3 convolution of each channel alone, or a 1x1 of all."""
    if not alone:
        return torch.einsum("nchw,dc->ndhw", x, layer.weight[:, :, 0, 0])
    stride = layer.stride[0]
    patches = F.unfold(x, 3, padding=1, stride=stride).unflatten(1, (x.shape[1], 9))
    side = (x.shape[-1] - 1) // stride + 1
    return torch.einsum("nckp,ck->ncp", patches, layer.weight.flatten(1)).unflatten(2, (side, side))


def block(x: Tensor, layers: nn.Module) -> Tensor:
    for first in (0, 4):
        x = convolved(convolved(x, layers[first], alone=True), layers[first + 1], alone=False)
        norm = layers[first + 2]
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        x = (x * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
    return x


def test_ofa_is_its_formula() -> None:
    student, teacher = knowledge(1, SHAPES, 6), knowledge(2, [], 9)
    term = adapted(student, teacher, weight=0.7, stages=0.3, eps=1.4, tau=2.0)
    value = term(student, teacher, batch())
    z_t, settings = teacher.logits.detach(), (batch().label, 1.4, 2.0)
    wanted = 0.7 * cross(student.logits, z_t, *settings)
    for i, (f, h) in enumerate(zip(student.features[1:], term.projectors, strict=True)):
        x = f
        for j in range(2 - i):
            x = block(x, h[j])
        if i == 2:
            x = convolved(x, h[0], alone=False) + h[0].bias[:, None, None]
        z = x.mean((2, 3)) @ h[-1].weight.T + h[-1].bias
        wanted = wanted + 0.7 * 0.3 * cross(z, z_t, *settings)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-9)
    leaves = [*student.features[1:], student.logits, *term.parameters()]
    for mine, theirs in zip(torch.autograd.grad(value, leaves), torch.autograd.grad(wanted, leaves), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
    assert teacher.logits.grad is None


def test_a_sure_teacher_adds_to_the_labels_class() -> None:
    # p = (0.8, 0.2), the label is the first class, and the student says (0.6, 0.4).
    student, teacher = logits_alone([log(0.6), log(0.4)]), logits_alone([log(0.8), log(0.2)])
    term = adapted(student, teacher, stages=0, eps=1.5)
    wanted = -(1.8**1.5 - 1) * log(0.6) - 0.2**1.5 * log(0.4)
    assert term(student, teacher, batch(1)).item() == pytest.approx(wanted, rel=1e-12)


def test_with_eps_1_the_teacher_alone_is_followed_whatever_the_label() -> None:
    student, teacher = knowledge(1, SHAPES, 6), knowledge(2, [], 9)
    term = adapted(student, teacher, stages=0)
    value = term(student, teacher, batch())
    assert value.item() == pytest.approx(F.cross_entropy(student.logits, teacher.logits.softmax(1)).item(), rel=1e-12)
    (there,) = torch.autograd.grad(term(same := teacher, teacher, batch()), same.logits)
    assert there.abs().max() < 1e-12
    (surer,) = torch.autograd.grad(adapted(same, teacher, stages=0, eps=1.5)(same, teacher, batch()), same.logits)
    assert (surer[range(N), batch().label] < 0).all()


def test_a_shift_of_the_logits_changes_nothing() -> None:
    student, teacher = knowledge(1, SHAPES, 6), knowledge(2, [], 9)
    term = adapted(student, teacher, eps=1.5)
    value = term(student, teacher, batch()).item()
    shifted = (each._replace(logits=each.logits + 100) for each in (student, teacher))
    assert term(*shifted, batch()).item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("eps", [1.0, 1.5, 8.0])
def test_extremes_are_finite_where_the_log_of_a_softmax_is_not(eps: float) -> None:
    student, teacher = logits_alone([-1e4, 1e4, 0.0]), logits_alone([1e4, -1e4, 0.0])
    value = adapted(student, teacher, stages=0, eps=eps)(student, teacher, batch(1))
    assert value.item() == pytest.approx((2**eps - 1) * 2e4)
    (gradient,) = torch.autograd.grad(value, student.logits)
    assert gradient.isfinite().all()


def test_one_image_of_one_pixel_will_do_in_training() -> None:
    known = Knowledge((torch.ones(1, 2, 2, 2), torch.ones(1, 3, 2, 2), torch.ones(1, 4, 1, 1)), torch.ones(1, 4),
                      torch.zeros(1, 7))  # fmt: skip
    term = adapted(known, known).float()
    assert term.train()(known, known, batch(1)).isfinite()


def test_projectors_of_a_resnet_are_those_of_the_authors() -> None:
    # Theirs for ResNet-18 of a DeiT-T: 64, 128 and 256 channels are doubled up to 512, the last stage has a 1x1.
    maps = [(64, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2), (512, 1, 1)]
    term = adapted(knowledge(1, maps, 512), knowledge(2, [], 192))
    down = {c: 18 * c + c * c + 2 * c * c + 2 * c + 4 * c for c in (64, 128, 256)}  # 3x3, 1x1, 1x1, two norms
    head = 512 * CLASSES + CLASSES
    sizes = [down[64] + down[128] + down[256] + head, down[128] + down[256] + head, down[256] + head, 512 * 513 + head]
    assert [count_params(projector) for projector in term.projectors] == sizes
    strides = [[part[0].stride for part in projector[:-2]] for projector in term.projectors[:3]]
    assert strides == [[(2, 2)] * 3, [(2, 2)] * 2, [(2, 2)]]


def test_maps_of_one_size_are_not_made_smaller_and_the_wider_embedding_counts() -> None:
    term = adapted(knowledge(1, [(16, 8, 8)] * 3, 16), knowledge(2, [], 24))
    assert term.projectors[0][0][0].stride == (1, 1)
    assert [projector[-1].in_features for projector in term.projectors] == [24, 24]


def tokens() -> Tapped:
    net = VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=CLASSES
    )
    layers = [f"encoder.layers.encoder_layer_{i}" for i in range(3)]
    return Tapped(net, features=["conv_proj", *layers], image_size=32, num_classes=CLASSES)


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet8", "shufflenetv2", "vgg8"])
def test_tokens_teach_maps(name: str) -> None:
    check_pair(build("model", name, num_classes=CLASSES), tokens())


def test_maps_teach_tokens() -> None:
    assert len(check_pair(tokens(), build("model", "resnet8", num_classes=CLASSES)).projectors) == 3


def check_pair(student: nn.Module, teacher: nn.Module) -> OFA:
    """The gradient of a step reaches every stage."""
    image = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    term = OFA()
    term.adapt(Context.of(student, teacher.eval(), image))
    known = student.train()(image)
    value = term(known, teacher(image), batch(3))
    assert value.isfinite()
    gradients = torch.autograd.grad(value, known.features[1:])
    assert len(gradients) == len(term.projectors)
    assert all(bool(gradient.any()) and bool(gradient.isfinite().all()) for gradient in gradients)
    return term


def test_the_teachers_maps_are_not_asked_for() -> None:
    assert not build("distiller", "ofa").needs_features


def test_without_stages_logits_alone_will_do() -> None:
    student, teacher = logits_alone([1.0, 2.0]), logits_alone([2.0, 1.0])
    assert not list(adapted(student, teacher, stages=0).parameters())
    with pytest.raises(UserError, match="OFA compares feature maps, and the student's knowledge has none"):
        adapted(student, teacher)


def test_other_classes_are_refused() -> None:
    with pytest.raises(UserError, match="got 7 of the student and 4 of the teacher; build them for the same data"):
        adapted(knowledge(1, SHAPES, 6), knowledge(2, [], 9, classes=4))


@pytest.mark.parametrize(
    ("more", "says"),
    [({"eps": 0.5}, "eps must be 1 or more and finite, got 0.5"), ({"tau": 0.0}, "tau must be above 0 and finite"),
     ({"eps": float("inf")}, "eps must be 1"), ({"stages": -1.0}, "stages must be 0 or more")],
)  # fmt: skip
def test_values_out_of_range_are_refused(more: dict[str, float], says: str) -> None:
    with pytest.raises(UserError, match=says):
        OFA(**more)
