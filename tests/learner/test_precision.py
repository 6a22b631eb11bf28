"""Students whose layers compute in bfloat16."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.journey import SMALL, configured, small
from uniads import build
from uniads.distiller.context import context_for
from uniads.error import UserError
from uniads.learner.learner import Learner
from uniads.learner.precision import fast_dtype, training_dtype
from uniads.model.base import Network
from uniads.training.identity import identify_training
from uniads.training.precision import student_dtype

CPU = torch.device("cpu")


def network() -> Network:
    torch.manual_seed(0)
    made: Network = build("model", "resnet8", num_classes=10, in_channels=1)
    return made


def step(dtype: torch.dtype) -> tuple[Tensor, Learner, set[torch.dtype]]:
    """Loss of one batch, the learner with its gradients, and in which precisions convolutions answered."""
    torch.manual_seed(2)
    teacher, computed = build("model", "resnet14", num_classes=10, in_channels=1), set()
    student, data = network(), build("data", "digits")
    distiller = build("distiller", "balanced")
    distiller.adapt(context_for(student, teacher, data, 64, network))
    learner = Learner(student, distiller, build("recipe", "quick"), 4, 10, teacher, dtype=dtype)
    for module in learner.student.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, __, answer: computed.add(answer.dtype))
    loss = learner.training_step(next(iter(data.train(64))), 0)["loss"]
    loss.backward()
    return loss, learner, computed


def gradient(learner: Learner) -> Tensor:
    return torch.cat([p.grad.flatten() for p in learner.student.parameters() if p.grad is not None])


def test_layers_compute_in_bfloat16_and_all_else_in_float32() -> None:
    loss, learner, computed = step(torch.bfloat16)
    exact_loss, exact, computed_exactly = step(torch.float32)
    assert computed == {torch.bfloat16}
    assert computed_exactly == {torch.float32}
    assert {p.dtype for p in learner.student.parameters()} == {torch.float32}
    assert {b.dtype for b in learner.student.buffers()} <= {torch.float32, torch.int64}
    assert loss.dtype == gradient(learner).dtype == torch.float32
    torch.testing.assert_close(loss, exact_loss, rtol=0.02, atol=0)
    assert torch.cosine_similarity(gradient(learner), gradient(exact), dim=0) > 0.99
    assert not torch.equal(gradient(learner), gradient(exact))


def test_auto_leaves_depthwise_convolutions_on_a_cpu_in_float32() -> None:
    assert training_dtype(network(), CPU) == fast_dtype(CPU)
    for name in ("mobilenetv2", "shufflenetv1", "shufflenetv2"):
        assert training_dtype(build("model", name), CPU) == torch.float32
    grouped = nn.Sequential(nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(1, 4, 3))
    assert training_dtype(grouped, CPU) == fast_dtype(CPU)


def test_what_a_trainer_says_of_precision_goes_before_auto(tmp_path: Path) -> None:
    mixed = small(tmp_path, "dtype=auto", "trainer.precision=bf16-mixed")
    assert student_dtype(mixed, network()) == torch.float32
    assert student_dtype(small(tmp_path, "dtype=auto"), network()) == fast_dtype(CPU)
    with pytest.raises(UserError, match=r"dtype=bfloat16 needs trainer.precision=32-true, got 'bf16-mixed'"):
        small(tmp_path, "dtype=bfloat16", "trainer.precision=bf16-mixed")


def test_a_training_in_another_precision_is_another_training(tmp_path: Path) -> None:
    one, other = (identify_training(small(tmp_path, *more)) for more in ((), ("dtype=bfloat16",)))
    assert "dtype" not in one
    assert other == {**one, "dtype": "bfloat16"}


def test_a_single_training_is_exact_and_a_search_is_fast() -> None:
    assert configured(*SMALL).dtype == "float32"
    assert configured("+pair=resnet56-resnet20", root="search").dtype == "auto"
