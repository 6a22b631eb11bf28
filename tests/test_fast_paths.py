"""Every fast path goes where the plain one goes, in each dtype that it admits."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.error import UserError
from uniads.learner.frozen import Frozen
from uniads.model.base import lay_out
from uniads.recipe import FUSED, Recipe
from uniads.teacher.store import TeacherStore
from uniads.training.fit import fit

pytestmark = LIGHTNING
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def recipe(**more: Any) -> Recipe:
    plain = {
        "epochs": 1, "batch_size": 8, "lr": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0,
        "milestones": [], "gamma": 0.1,
    }  # fmt: skip
    return Recipe(**{**plain, **more})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 7, 16, 64, 1000])
def test_two_steps_of_a_half_are_one(dtype: torch.dtype, size: int) -> None:
    weight = torch.nn.Parameter(torch.zeros(size, dtype=dtype))
    optimizer = recipe().build_optimizer([weight])
    for _ in range(2):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    assert (weight == -1.0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [7, 64, 1000])
def test_the_optimizer_steps_like_a_plain_one(dtype: torch.dtype, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(size, generator=generator).to(dtype)
    slopes = [torch.randn(size, generator=generator).to(dtype) for _ in range(4)]
    ends = []
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
    for plain in (False, True):
        weight = torch.nn.Parameter(start.clone())
        optimizer = recipe(**settings).build_optimizer([weight])
        assert optimizer.defaults["fused"] == (dtype in FUSED)
        if plain:
            optimizer = torch.optim.SGD([weight], **settings, foreach=False, fused=False)
        for slope in slopes:
            weight.grad = slope.clone()
            optimizer.step()
        ends.append(weight.detach())
    close = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(ends[0], ends[1], rtol=close, atol=close)


def test_one_weight_in_half_precision_keeps_all_from_being_fused() -> None:
    weights = [torch.nn.Parameter(torch.zeros(8, dtype=dtype)) for dtype in (torch.float32, torch.bfloat16)]
    assert not recipe().build_optimizer(weights).defaults["fused"]
    assert not recipe().build_optimizer(weights[:1], fused=False).defaults["fused"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_channels_last_rounds_and_changes_nothing_else(dtype: torch.dtype) -> None:
    network = build("model", "resnet8", num_classes=10).to(dtype).train()
    image = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    slopes = []
    for choice in ("contiguous", "channels_last", "auto"):
        layout = lay_out(network, choice)
        network.zero_grad()
        F.cross_entropy(
            network(image.contiguous(memory_format=layout)).logits.double(), torch.arange(16) % 10
        ).backward()
        slopes.append(torch.cat([weight.grad.flatten() for weight in network.parameters()]).double())  # type: ignore[union-attr]
    # A rounded activation that crosses a ReLU's zero changes a gradient by about 1e-3 of itself.
    close = {torch.float64: 1e-9, torch.float32: 5e-3, torch.bfloat16: 0.3}[dtype]
    assert (slopes[1] - slopes[0]).norm() < close * slopes[0].norm()
    assert torch.equal(slopes[1], slopes[2])


def test_a_layout_that_is_none_or_not_safe_is_refused() -> None:
    with pytest.raises(UserError, match="memory_format must be auto, channels_last, contiguous, got 'fast'"):
        lay_out(build("model", "resnet8"), "fast")
    with pytest.raises(UserError, match="memory_format=channels_last is not safe for this ResNet"):
        lay_out(build("model", "resnet20", width=0.5), "channels_last")


@pytest.mark.parametrize("layout", ["auto", "contiguous"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "auto"])
def test_a_store_says_what_the_live_teacher_says(layout: str, dtype: str, tmp_path: Path) -> None:
    data = build("data", "fake", image_size=[1, 8, 8], train_size=40, test_size=8, views=2)
    network = build("model", "resnet8", in_channels=1, num_classes=10)
    live, batches = Frozen(network, memory_format=layout), data.train(8)
    store = TeacherStore(Frozen(network, memory_format=layout), tmp_path, data.train(8), [0, 2], 4, dtype)
    close = {"float32": 0.0, "float16": 1e-3, "bfloat16": 8e-3, "auto": 1e-3}[dtype]
    batches.set_epoch(1)
    for batch in batches:
        said, wanted = store(batch, 1), live(batch, 1)
        for ours, theirs in [
            (said.logits, wanted.logits), (said.embedding, wanted.embedding), (said.features[2], wanted.features[2])
        ]:  # fmt: skip
            assert (ours - theirs).abs().max() <= close * theirs.abs().max()


@cache
def loss_in_float32(distiller: str) -> float:
    """Validation loss of the training below in float32."""
    with TemporaryDirectory() as folder:
        return loss_of("32-true", distiller, Path(folder))


def loss_of(precision: str, distiller: str, folder: Path) -> float:
    outcome = fit(
        small(
            folder / "run", f"trainer.precision={precision}", f"distiller={distiller}", "trial=true", "chance=null",
            "epochs=1", "data.train_size=96", "teacher.recipe.epochs=1", "teacher.recipe.milestones=[]",
        )
    )  # fmt: skip
    assert outcome.rejected is None
    assert outcome.val_loss is not None
    return outcome.val_loss


@pytest.mark.parametrize(
    ("precision", "distiller"),
    [
        ("bf16-true", "cc"),
        *(
            pytest.param(precision, name, marks=pytest.mark.slow)
            for precision in ("bf16-true", "16-true", "64-true", "bf16-mixed")
            for name in ("crd", "srrl", "semckd", "dml", "one", "fitnet", "searched", "kd", "ofa", "review")
        ),
    ],
)
def test_every_precision_trains_every_distiller_alike(precision: str, distiller: str, tmp_path: Path) -> None:
    # SemCKD and FitNet amplify rounding most: 1.5 and 0.8 % from float64 to float32, 7 % at most in half precision. AT
    # is not here: with its weight of 1000 even float32 and float64 are a quarter apart after twelve steps.
    assert loss_of(precision, distiller, tmp_path) == pytest.approx(loss_in_float32(distiller), rel=0.1)
