"""CUDA graphs: the same training, replayed. Without a GPU the slow tests compile plainly in their place."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from tests.journey import small
from uniads import build
from uniads.knowledge import Knowledge
from uniads.learner.compiling import DEFAULT, GRAPHS, can_compile
from uniads.learner.frozen import Frozen
from uniads.model import checkpoint
from uniads.model.base import Network
from uniads.teacher.store import TeacherStore
from uniads.training.fit import fit
from uniads.training.parts import Parts, build_parts

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, while it compiles
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
no_compiler = pytest.mark.skipif(not can_compile(), reason="there is no C++ compiler")
WAYS = pytest.mark.parametrize(
    ("device", "mode"),
    [
        pytest.param("cpu", DEFAULT, marks=[pytest.mark.slow, no_compiler]),
        pytest.param("cuda", GRAPHS, marks=[pytest.mark.gpu, no_gpu, no_compiler]),
    ],
)


class Small(Network):
    """Two convolutions. The package's own networks check their annotations in tests, which torch can't compile."""

    def __init__(self, width: int, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.body = block(in_channels, width), block(width, 2 * width)
        self.fc = nn.Linear(2 * width, num_classes)

    def forward(self, image):  # type: ignore[no-untyped-def]
        stem = self.stem(image)
        body = self.body(stem)
        embedding = body.mean((2, 3))
        return Knowledge((stem, body), embedding, self.fc(embedding))


def block(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU())


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing compiled before, and no convolution in 10 bits, whose rounding would hide what is compared."""
    torch.compiler.reset()
    counters.clear()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A teacher and a student that can be compiled here."""
    networks = []
    for name, width in (("teacher.model", 16), ("student", 8)):
        target = f"{name}._target_={Small.__module__}.Small"
        networks += [target, f"{name}.width={width}", f"~{name}.blocks", f"~{name}.channels"]
    return [f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'small_teachers'}", *networks]


def close(mine: Knowledge, theirs: Knowledge) -> None:
    for ours, wanted in zip((*mine.features, *mine[1:]), (*theirs.features, *theirs[1:]), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-4)


def losses(parts: Parts, device: str, mode: str | None) -> list[float]:
    """Of ten steps in Lightning's order, in which the gradients are set to None after the forward pass."""
    assert parts.teacher
    learner = parts.learner.to(device).train()
    learner.teacher = Frozen(parts.teacher.network, compiled=mode)
    if mode:
        parts.student.compile(mode=mode)
        learner.graphs = mode == GRAPHS
    optimizer = learner.configure_optimizers()["optimizer"]
    loader = parts.data.train(16, device)
    found, sizes = [], []
    for epoch in range(2):
        loader.set_epoch(epoch)
        for batch in loader:
            loss = learner.training_step(batch, 0)["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
            sizes.append(len(batch.label))
    assert sizes == 2 * [16, 16, 16, 16, 8]
    assert learner.teacher.compiled == mode
    assert not counters["inductor"]["cudagraph_skips"]
    return found


@WAYS
@pytest.mark.parametrize("distiller", ["kd", "crd", "searched"])
def test_ten_steps_have_the_same_losses(
    distiller: str, device: str, mode: str, shared: list[str], tmp_path: Path
) -> None:
    cfg = small(tmp_path / "run", *shared, f"distiller={distiller}", "data.train_size=80", "chance=null")
    plain = losses(build_parts(cfg), device, None)
    assert losses(build_parts(cfg), device, mode) == pytest.approx(plain, rel=1e-3)
    assert len(set(plain)) == 10


@WAYS
@pytest.mark.parametrize("more", [[], ["data.views=1"]])
def test_a_whole_training_ends_alike_and_exports_the_same_keys(
    more: list[str], device: str, mode: str, shared: list[str], tmp_path: Path
) -> None:
    settings = (*shared, "recipe.lr=0.01", f"trainer.accelerator={device}", *more)
    setting = "graphs" if mode == GRAPHS else "true"
    plain = fit(small(tmp_path / "plain", *settings, "compile=false", "teacher.compile=false"))
    compiled = fit(small(tmp_path / "compiled", *settings, f"compile={setting}", f"teacher.compile={setting}"))
    assert compiled.train_loss == pytest.approx(plain.train_loss, rel=1e-2)
    assert compiled.val_loss == pytest.approx(plain.val_loss, rel=1e-2)
    kept = [checkpoint.read(tmp_path / name / "student.pt")["model"] for name in ("plain", "compiled")]
    assert kept[0].keys() == kept[1].keys()


@WAYS
def test_an_answer_stays_after_the_next_one(device: str, mode: str) -> None:
    network = Small(8, 10, 1).to(device)
    batches = list(build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16, device))
    asked, plain = Frozen(network, compiled=mode), Frozen(network)
    answers = [asked(batch, 0) for batch in batches]
    assert asked.compiled == mode
    for batch, answer in zip(batches, answers, strict=True):
        close(answer, plain(batch, 0))


@WAYS
def test_a_store_keeps_what_a_live_teacher_says(device: str, mode: str, tmp_path: Path) -> None:
    network = Small(8, 10, 1).to(device)
    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16, device)
    taps = (0, 1)
    store = TeacherStore(Frozen(network, compiled=mode), tmp_path, loader, taps, 2)
    for batch in loader:
        close(store(batch, 0), Frozen(network)(batch, 0))


def test_whole_training_batches_alone_are_replayed(shared: list[str], tmp_path: Path) -> None:
    """A hook of the student's tells a call, which is compiled, from its forward pass alone."""
    called: list[int] = []

    def watched(parts: Parts) -> None:
        def note(student: nn.Module, images: tuple[torch.Tensor]) -> None:
            if student is parts.student:  # and not a copy of it, whose gradients are measured
                called.append(len(images[0]))

        parts.learner.graphs = True
        parts.student.register_forward_pre_hook(note)

    fit(
        small(tmp_path / "run", *shared, "data.train_size=80", "epochs=2", "recipe.milestones=[1]", "chance=null"),
        watched,
    )
    assert called == [1, *8 * [16]]  # first an image, whose operations are counted
