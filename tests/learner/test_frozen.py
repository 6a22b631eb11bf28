"""A frozen teacher answers faster than its network, and says the same."""

from logging import NOTSET, WARNING, getLogger
from pathlib import Path

import pytest
import torch
from torch import nn

from uniads.knowledge import Batch, Knowledge
from uniads.learner.compiling import DEFAULT, can_compile
from uniads.learner.frozen import Frozen
from uniads.learner.precision import fast_dtype
from uniads.model.base import Network

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Small(Network):
    """A convolution with batch norm, then batch norm that follows none."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.alone, self.fc = (
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.Linear(8, 5)
        )  # fmt: skip

    def forward(self, image):  # type: ignore[no-untyped-def]
        x = self.alone(torch.relu(self.bn(self.conv(image))))
        embedding = x.mean((2, 3))
        return Knowledge((x,), embedding, self.fc(embedding))


def lived(network: Network) -> Network:
    """The network with batch norms that have seen something."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value, low in ((module.running_mean, -1.0), (module.running_var, 0.5), (module.weight, 0.5)):
                value.data.copy_(low + torch.rand(value.shape, generator=generator))
    return network


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(4, 3, 8, 8, generator=generator), torch.zeros(4).long(), torch.arange(4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_asking_changes_no_bit_of_the_network(dtype: torch.dtype, batch: Batch) -> None:
    network = lived(Small()).train()
    network.conv.weight.grad = torch.ones_like(network.conv.weight)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    answer = Frozen(network, dtype)(batch, 0)
    assert {part.dtype for part in (*answer.features, answer.embedding, answer.logits)} == {torch.float32}
    assert all(module.training for module in network.modules())
    assert all(weight.requires_grad for weight in network.parameters())
    assert (network.conv.weight.grad == 1).all()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(value.is_contiguous() for value in network.state_dict().values())
    close = 1e-5 if dtype == torch.float32 else 3e-2
    wanted = network.eval()(batch.image).logits
    assert (answer.logits - wanted).abs().max() <= close * wanted.abs().max()


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_a_compiled_teacher_says_the_same(dtype: torch.dtype, close: float, batch: Batch) -> None:
    network = lived(Small())
    plain, compiled = Frozen(network, dtype), Frozen(network, dtype, compiled=DEFAULT)
    for size in (4, 3):
        part = Batch(*(value[:size] for value in batch))
        torch.testing.assert_close(compiled(part, 0).logits, plain(part, 0).logits, rtol=close, atol=close)
    assert compiled.compiled


def test_without_a_compiler_a_sentence_is_logged_and_the_teacher_asked_as_it_is(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    # Commands run by other tests of this process may have configured logging: whatever they did, this logger is heard.
    logger = getLogger("uniads.learner.compiling")
    for name, value in {"disabled": False, "handlers": [caplog.handler], "level": WARNING}.items():
        monkeypatch.setattr(logger, name, value)
    monkeypatch.setattr(logger.manager, "disable", NOTSET)
    logger._cache.clear()  # of answers whether a level is enabled
    network = lived(Small())
    asked = Frozen(network, compiled=DEFAULT)
    assert not asked.compiled
    assert "there is no C++ compiler" in caplog.text
    assert torch.equal(asked(batch, 0).logits, Frozen(network)(batch, 0).logits)


def test_a_fast_dtype_is_one_of_two() -> None:
    assert fast_dtype(CPU) in (torch.float32, torch.bfloat16)
