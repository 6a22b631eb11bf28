"""A student that is connected to its teacher's classifier."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads import build
from uniads.error import UserError
from uniads.model.base import Network, count_params
from uniads.model.connected import Connected, pool_to
from uniads.model.flops import forward_flops

SMALL = {"num_classes": 5, "in_channels": 1}


def network(name: str) -> Network:
    torch.manual_seed(0)
    built: Network = build("model", name, **SMALL)
    return built


def connected(name: str = "resnet8", width: int = 24, size: tuple[int, int] = (4, 4), **more: int) -> Connected:
    body = network(name)
    channels = body.maps(images())[-1].shape[1]
    return Connected(body, channels, width, size, SMALL["num_classes"], **more)


def images(n: int = 2) -> Tensor:
    return torch.randn(n, 1, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["resnet8", "wrn_16_1", "vgg8", "mobilenetv2", "shufflenetv1", "shufflenetv2"])
def test_a_student_that_shows_its_teachers_map_gives_its_teachers_logits(name: str) -> None:
    teacher = network(name).eval()
    with torch.no_grad():
        said = teacher(images())
    width, linear = said.embedding.shape[1], [each for each in teacher.modules() if isinstance(each, nn.Linear)][-1]
    neck = copy.deepcopy(teacher.neck())
    student = Connected(copy.deepcopy(teacher), said.features[-1].shape[1], width, (99, 99), SMALL["num_classes"])
    student.connector = nn.Sequential(neck)
    student.classifier.load_state_dict(linear.state_dict())
    with torch.no_grad():
        known = student.eval()(images())
    torch.testing.assert_close(known.embedding, said.embedding)
    torch.testing.assert_close(known.logits, said.logits)
    assert len(known.features) == len(said.features)
    assert all(torch.equal(one, other) for one, other in zip(known.features[:-1], said.features[:-1], strict=True))


@pytest.mark.parametrize(("width", "factor", "narrow"), [(24, 2, 12), (24, 1, 24), (7, 2, 3), (3, 5, 1)])
def test_connector_and_classifier_count_and_the_bodys_head_does_not(width: int, factor: int, narrow: int) -> None:
    bare = network("resnet8")
    body = count_params(bare) - (64 * 5 + 5)
    connector = 64 * narrow + 2 * narrow + 9 * narrow**2 + 2 * narrow + narrow * width + 2 * width
    student = connected(width=width, factor=factor)
    assert count_params(student) == body + connector + width * 5 + 5
    positions = 4 * 4
    more = 2 * positions * (64 * narrow + 9 * narrow**2 + narrow * width) + 2 * width * 5
    assert forward_flops(student, images(1)) == forward_flops(bare, images(1)) - 2 * 64 * 5 + more


def test_the_map_is_the_authors_connector_of_the_pooled_map() -> None:
    student = connected("vgg8", size=(2, 3)).double().eval()
    with torch.no_grad():
        x = student.body.maps(images().double())[-1]
        assert x.shape[2:] == (4, 4)
        x = F.adaptive_avg_pool2d(x, (2, 3))
        for position in (0, 3, 6):
            convolution, norm = student.connector[position], student.connector[position + 1]
            x = F.conv2d(x, convolution.weight, padding=convolution.weight.shape[-1] // 2)
            x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
            x = (x * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
        known = student(images().double())
        torch.testing.assert_close(known.features[-1], x, rtol=1e-9, atol=1e-9)
        logits = x.mean((2, 3)) @ student.classifier.weight.T + student.classifier.bias
        torch.testing.assert_close(known.logits, logits, rtol=1e-9, atol=1e-9)
    assert all(module.bias is None for module in student.connector if isinstance(module, nn.Conv2d))


def test_no_optimizer_changes_the_classifier_and_the_rest_learns_through_it() -> None:
    student = connected().train()
    before = copy.deepcopy(student.state_dict())
    optimizer = torch.optim.SGD(student.parameters(), 0.1, 0.9, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(student(images()).logits, torch.tensor([1, 3])).backward()
        optimizer.step()
    after = student.state_dict()
    same = {key for key in after if torch.equal(after[key], before[key])}
    assert same == {"classifier.weight", "classifier.bias"}


def test_a_smaller_map_is_left_as_it_is_and_each_side_is_pooled_alone() -> None:
    x = images().expand(2, 3, 16, 16)
    assert pool_to(x, (16, 20)) is x
    pooled = pool_to(x, (4, 32))
    torch.testing.assert_close(pooled, x.reshape(2, 3, 4, 4, 16).mean(3))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"factor": 0}, {"size": (0, 4)}, {"size": (4, 0)}])
def test_what_can_be_no_connection_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"a connected student's .* must be at least 1, got 0"):
        connected(**wrong)
