"""ReviewKD: value and gradient against its formula, its loss by hand, its ramp, and the weights of its pairs."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from tests.distiller.contexts import context_of
from tests.journey import configured
from uniads import build
from uniads.distiller.base import Context
from uniads.distiller.composed import Composed
from uniads.distiller.review import Review, compare_context
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import count_params
from uniads.model.taps import Tapped
from uniads.schema.check import check

N = 5


def knowledge(seed: int, shapes: list[tuple[int, int, int]], width: int, n: int = N) -> Knowledge:
    g = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, dtype=torch.float64).requires_grad_()

    return Knowledge(tuple(draw(n, *shape) for shape in shapes), draw(n, width), draw(n, 7))


def adapted(student: Knowledge, teacher: Knowledge, **more: object) -> Review:
    torch.manual_seed(0)
    term = Review(**more)
    term.adapt(context_of(student, teacher))
    return term.double()


def resized(x: Tensor, side: int) -> Tensor:
    """By the nearest neighbour: pixel k of the result is pixel ⌊k · old / new⌋."""
    at = torch.arange(side) * x.shape[-1] // side
    return x[:, :, at][:, :, :, at]


def normed(x: Tensor, norm: nn.Module) -> Tensor:
    x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return x * norm.weight[:, None, None] + norm.bias[:, None, None]


def by_one(x: Tensor, weight: Tensor) -> Tensor:
    return torch.einsum("nchw,dc->ndhw", x, weight[:, :, 0, 0])


def by_three(x: Tensor, weight: Tensor) -> Tensor:
    side = x.shape[-1]
    wide = torch.zeros(*x.shape[:2], side + 2, side + 2, dtype=x.dtype)
    wide[:, :, 1:-1, 1:-1] = x
    return sum(
        by_one(wide[:, :, i : i + side, j : j + side], weight[:, :, i, j, None, None])
        for i in range(3)
        for j in range(3)
    )


def context_loss(v: Tensor, g: Tensor) -> Tensor:
    total, weights = (v - g).square().mean(), 1.0
    for k, side in enumerate([side for side in (4, 2, 1) if side < v.shape[-1]], start=1):
        cell = v.shape[-1] // side
        pooled = (v - g).unflatten(3, (side, cell)).unflatten(2, (side, cell)).mean((3, 5))
        total, weights = total + pooled.square().mean() / 2**k, weights + 0.5**k
    return total / weights


def test_review_is_its_formula() -> None:
    student = knowledge(1, [(2, 8, 8), (3, 8, 8), (4, 8, 8), (6, 4, 4)], 6)
    teacher = knowledge(2, [(2, 16, 16), (5, 16, 16), (7, 8, 8), (9, 8, 8)], 9)
    term = adapted(student, teacher, weight=0.7)
    value = term(student, teacher)
    own = [student.embedding[:, :, None, None], *student.features[:0:-1]]
    goal = [teacher.embedding[:, :, None, None], *teacher.features[:0:-1]]
    wanted, below = torch.zeros((), dtype=torch.float64), None
    for fusion, f, g in zip(term.fusions, own, goal, strict=True):
        x = normed(by_one(f, fusion.enter[0].weight), fusion.enter[1])
        if below is not None:
            y = resized(below, f.shape[-1])
            bias = fusion.attend.bias[:, None, None]
            a = 1 / (1 + torch.exp(-by_one(torch.cat([x, y], 1), fusion.attend.weight) - bias))
            x = a[:, [0]] * x + a[:, [1]] * y
        below = resized(x, g.shape[-1])
        guess = normed(by_three(below, fusion.leave[0].weight), fusion.leave[1])
        wanted = wanted + 0.7 * context_loss(guess, g.detach())
    assert value.item() == pytest.approx(wanted.item(), rel=1e-9)
    leaves = [*student.features[1:], student.embedding, *term.parameters()]
    for mine, theirs in zip(torch.autograd.grad(value, leaves), torch.autograd.grad(wanted, leaves), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("side", "share"), [(8, 1 / 1.875), (4, 1 / 1.75), (2, 1 / 1.5)])
def test_what_pooling_levels_out_counts_at_full_size_alone(side: int, share: float) -> None:
    board = 1.0 - 2 * (torch.arange(side)[:, None] + torch.arange(side)).remainder(2)
    error = 3 * board.expand(2, 5, side, side)
    assert compare_context(error, torch.zeros_like(error)).item() == pytest.approx(9 * share)


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 3, 7, 5), (2, 3, 1, 1)])
def test_a_shift_counts_by_its_square_at_every_size(shape: tuple[int, ...]) -> None:
    goal = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert compare_context(goal, goal).item() == 0
    assert compare_context(goal - 3, goal).item() == pytest.approx(9, rel=1e-5)


def test_the_order_of_the_images_does_not_matter() -> None:
    student, teacher = knowledge(1, [(2, 8, 8), (3, 4, 4)], 6), knowledge(2, [(2, 8, 8), (5, 4, 4)], 9)
    term, order = adapted(student, teacher), torch.tensor([3, 1, 4, 0, 2])

    def turned(k: Knowledge) -> Knowledge:
        return Knowledge(tuple(f[order] for f in k.features), k.embedding[order], k.logits[order])

    assert term(turned(student), turned(teacher)).item() == pytest.approx(term(student, teacher).item(), rel=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e12])
def test_extremes_are_finite(scale: float) -> None:
    student, teacher = knowledge(1, [(2, 8, 8), (3, 4, 4)], 6), knowledge(2, [(2, 8, 8), (5, 4, 4)], 9)
    term = adapted(student, teacher).float()
    known = Knowledge(tuple(f.float() * scale for f in student.features), student.embedding.float() * scale,
                      student.logits.float())  # fmt: skip
    said = Knowledge(tuple(f.float() for f in teacher.features), teacher.embedding.float(), teacher.logits.float())
    value = term(known, said)
    assert value.isfinite()
    assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(value, [*student.features[1:], student.embedding]))


def test_one_image_of_one_pixel_is_normalised_with_running_statistics() -> None:
    student, teacher = knowledge(1, [(2, 2, 2), (3, 1, 1)], 6, n=1), knowledge(2, [(2, 2, 2), (5, 1, 1)], 9, n=1)
    term = adapted(student, teacher)
    before = {key: value.clone() for key, value in term.state_dict().items()}
    value = term.train()(student, teacher)
    assert value.isfinite()
    assert value.item() == term.eval()(student, teacher).item()
    assert all(torch.equal(value, before[key]) for key, value in term.state_dict().items())


def test_it_has_the_sizes_of_the_authors() -> None:
    # Theirs for ResNet-8x4: channels 64, 128, 256 and an embedding of 256 on both sides, 256 in the middle.
    student, teacher = (build("model", name).eval() for name in ("resnet8x4", "resnet32x4"))
    term = Review()
    term.adapt(Context.of(student, teacher, torch.zeros(2, 3, 32, 32)))
    channels = 64 + 128 + 256 + 256
    enter, attend, leave = channels * 256 + 4 * 2 * 256, 3 * (2 * 256 * 2 + 2), 9 * 256 * channels + 2 * channels
    assert count_params(term) == enter + attend + leave
    assert Review(middle=100).middle == 100


@pytest.mark.parametrize(
    ("mine", "theirs", "levels"),
    [([(2, 8, 8), (3, 4, 4), (4, 2, 2)], [(2, 16, 16), (5, 16, 16), (6, 8, 8), (7, 4, 4)], 3),
     ([(2, 8, 8), (3, 8, 8), (4, 4, 4), (5, 2, 2)], [(6, 4, 4), (6, 4, 4)], 2)],
)  # fmt: skip
def test_the_deepest_maps_are_partners_where_one_network_has_more(
    mine: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]], levels: int
) -> None:
    student, teacher = knowledge(1, mine, 6), knowledge(2, theirs, 9)
    term = adapted(student, teacher)
    value = term(student, teacher)
    used = torch.autograd.grad(value, student.features, allow_unused=True)
    assert len(term.fusions) == levels
    assert [gradient is not None for gradient in used] == [i > len(mine) - levels for i in range(len(mine))]


@pytest.mark.parametrize("names", [("vgg13", "mobilenetv2"), ("wrn_40_2", "shufflenetv1"), ("resnet8", "vgg8")])
def test_networks_of_two_families_are_compared(names: tuple[str, str]) -> None:
    check_pair(*(build("model", name, num_classes=7) for name in names))


def tokens() -> Tapped:
    net = VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=7
    )
    return Tapped(net, image_size=32, num_classes=7)


def test_tokens_and_maps_are_compared() -> None:
    check_pair(tokens(), build("model", "resnet8", num_classes=7))
    check_pair(build("model", "resnet8", num_classes=7), tokens())


def check_pair(teacher: nn.Module, student: nn.Module) -> None:
    image = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    term = Review()
    term.adapt(Context.of(student, teacher.eval(), image))
    value = term(student.train()(image), teacher(image))
    assert value.isfinite()
    value.backward()
    assert sum(p.grad.abs().sum() for p in student.parameters() if p.grad is not None) > 0


def test_a_network_with_the_stem_alone_is_refused() -> None:
    known = knowledge(1, [(2, 8, 8)], 6)
    with pytest.raises(UserError, match="after the stem's: the student has 0 and the teacher 0; name more taps"):
        adapted(known, known)


@pytest.mark.parametrize(
    ("more", "says"),
    [({"ramp": 1.5}, "distiller.review.ramp must be a share of the epochs from 0.0 to 1.0"),
     ({"middle": 0}, "middle must be above 0, got 0"),
     ({"weight": -1}, "must be 0 or more")],
)  # fmt: skip
def test_values_out_of_range_are_refused(more: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Review(**more)


@pytest.mark.parametrize(
    ("epoch", "epochs", "share"),
    [(0, 240, 0.05), (4, 240, 0.25), (19, 240, 1), (239, 240, 1), (0, 24, 0.5), (0, 1, 1), (0, 11, 1)],
)
def test_the_ramp_is_the_codes_20_of_240_epochs_and_none_below_one(epoch: int, epochs: int, share: float) -> None:
    student, teacher = knowledge(1, [(2, 8, 8), (3, 4, 4)], 6), knowledge(2, [(2, 8, 8), (5, 4, 4)], 9)
    distiller = Composed(review=Review())
    torch.manual_seed(0)
    distiller.adapt(context_of(student, teacher))
    distiller.double().set_epoch(epoch, epochs)
    value = distiller(student, teacher)["review"]
    assert value.item() == pytest.approx(share * adapted(student, teacher)(student, teacher).item())


def test_a_balanced_term_is_measured_at_its_full_weight() -> None:
    student, teacher = knowledge(1, [(2, 8, 8), (3, 4, 4)], 7), knowledge(2, [(2, 8, 8), (5, 4, 4)], 9)
    said = student._replace(logits=student.embedding * 1)
    batch = Batch(torch.zeros(N, 1, 8, 8), torch.arange(N) % 7, torch.arange(N))
    results = []
    for ramp in (0.5, 0.0):
        torch.manual_seed(0)
        distiller = Composed(balance=True, review=Review(ramp=ramp))
        distiller.adapt(context_of(said, teacher))
        distiller.double().set_epoch(1, 8)
        results.append((distiller(said, teacher, batch)["review"].item(), distiller.factors["review"]))
    assert results[0][1] == pytest.approx(results[1][1])
    assert results[0][1] > 0
    assert results[0][0] == pytest.approx(results[1][0] / 2)


@pytest.mark.parametrize(
    ("overrides", "weight", "ramp"),
    [(["+pair=wrn40_2-wrn16_2"], 5, 20 / 240), (["+pair=wrn40_2-shufflenetv1"], 5, 20 / 240),
     (["+pair=resnet32x4-resnet8x4"], 5, 20 / 240), (["+pair=resnet32x4-shufflenetv2"], 8, 20 / 240),
     (["+pair=resnet110-resnet32"], 1, 20 / 240), (["+pair=resnet56-resnet20"], 0.6, 20 / 240),
     (["+pair=resnet34-resnet18"], 1, 0), (["+pair=vgg13-vgg8"], 1, 20 / 240), ([], 1, 20 / 240),
     (["+pair=resnet56-resnet20", "distiller.review.weight=3"], 3, 20 / 240)],
)  # fmt: skip
def test_a_pair_has_its_authors_weight_and_the_command_line_goes_before_it(
    overrides: list[str], weight: float, ramp: float
) -> None:
    review = configured(*overrides, "distiller=review").distiller.review
    assert (review.weight, review.ramp) == (weight, ramp)


def test_values_that_are_no_group_are_refused() -> None:
    config = configured("+pair=resnet56-resnet20", "distiller=review", "+published.kd=3")
    with pytest.raises(UserError, match=r"published must be groups of values by distiller"):
        check("train", config)
