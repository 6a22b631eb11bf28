"""Networks from elsewhere through the commands: published files, libraries, and a user's own module."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.journey import EASY, LIGHTNING, SMALL, Commands, refused, small
from tests.model.nets import Plain
from uniads import build, evaluate, train
from uniads.model.base import Network
from uniads.teacher.training import Teacher, measure_accuracy
from uniads.training.parts import load_data

pytestmark = LIGHTNING
RUN = (*SMALL, "recipe.epochs=1", "hydra.run.dir=run")


class Hostile:
    """A pickle of this runs a command that creates a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch victim",)


def teacher(name: str = "resnet14") -> Network:
    """A network for the classes and channels of ``SMALL``."""
    torch.manual_seed(0)
    network: Network = build("model", name, num_classes=4, in_channels=1)
    return network


def weights(name: str = "resnet14") -> dict[str, torch.Tensor]:
    """Weights as PyTorch 0.4.0 named them: without the counters of batch norm."""
    own = teacher(name).state_dict()
    return {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}


def cut(file: Path) -> None:
    torch.save({"model": weights()}, file)
    file.write_bytes(file.read_bytes()[:20_000])


FILES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "resnet14_hostile.pth": (
        lambda file: torch.save({"model": weights(), "extra": Hostile()}, file), ["could run code", "convert it once"]
    ),
    "resnet14_last.pth": (
        lambda file: torch.save(
            {"opt": argparse.Namespace(lr=0.05), "model": weights()}, file, _use_new_zipfile_serialization=False
        ),
        ["could run code", "argparse.Namespace", "weights_only=False", "torch.save({'model'"],
    ),
    "truncated.pth": (cut, ["truncated.pth is no whole checkpoint", "fetch or make it anew"]),
    "resnet20.pth": (
        lambda file: torch.save({"model": weights("resnet20")}, file),
        ["weights of another network than ResNet", "unknown: layer1.2", "choose the model"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_teacher_is_refused_and_nothing_in_it_is_run(name: str, command: Commands) -> None:
    write, words = FILES[name]
    write(Path(name))
    refused(command(train.main, *RUN, f"teacher.checkpoint={name}"), name, *words)
    assert not list(Path().rglob("*.pt")), "something was trained before the mistake was found"
    assert not Path("victim").exists()


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "deeplabv3_resnet50"])
def test_a_network_that_detects_or_segments_is_refused_as_a_teacher(name: str, command: Commands) -> None:
    asked = ("model@teacher.model=torchvision", f"teacher.model.name={name}")
    refused(command(train.main, *RUN, *asked), f"torchvision's {name} does not classify whole images", "take a classif")
    assert not list(Path().rglob("*.pt")), "something was trained before the mistake was found"


def test_weights_that_can_not_be_fetched_are_named(command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    name = "shufflenet_v2_x0_5"
    asked = ("model@teacher.model=torchvision", f"teacher.model.name={name}", "teacher.model.weights=DEFAULT")
    shape = ("data.num_classes=1000", "data.image_size=[3,32,32]", "data.train_size=10000", "data.test_size=1000")
    ended = command(train.main, *RUN, *asked, *shape)
    refused(ended, f"the weights DEFAULT of {name} can't be downloaded", "teacher.checkpoint=FILE")
    assert not list(Path().rglob("*.pt")), "something was trained before the mistake was found"


def test_a_file_of_an_old_pytorch_on_a_gpu_teaches_and_is_evaluated(
    command: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ckpt_epoch_240.pth"
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        torch.save({"epoch": 240, "model": weights()}, file, _use_new_zipfile_serialization=False)
    assert b"cuda:0" in file.read_bytes()
    cfg = small(tmp_path / "run")
    acc1 = measure_accuracy(Teacher(teacher(), cfg.teacher.chosen_model, file, None), cfg, load_data(cfg))
    ended = command(train.main, *RUN, f"teacher.checkpoint={file}")
    assert ended.code == 0, ended.error
    assert f"validation accuracy {acc1:.2%} (from {file}, which may have been trained on those images)" in ended.out
    ended = command(evaluate.main, *EASY, f"checkpoint={file}", "+model@model=resnet14")
    assert f"val accuracy {acc1:.2%}" in ended.out, ended.error
    ended = command(evaluate.main, *EASY, f"checkpoint={file}")
    assert "does not say which network it holds" in ended.error
    assert "+model@model=resnet110" in ended.error


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as a user runs it, with the tests' networks in reach."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [environment.get("PYTHONPATH")])])
    environment.pop("HYDRA_FULL_ERROR", None)
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=folder, env=environment, timeout=400
    )


@pytest.mark.slow
def test_a_hostile_file_is_refused_by_a_process_of_its_own(tmp_path: Path) -> None:
    torch.save({"model": weights(), "extra": Hostile()}, tmp_path / "hostile.pth")
    ended = program(tmp_path, "uniads.train", *RUN, "teacher.checkpoint=hostile.pth")
    assert ended.returncode == 1
    assert "could run code" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "victim").exists()


MINE = """
_target_: uniads.model.taps.Tapped
image_size: 32
network:
  _target_: nets.Plain
  _partial_: true
  wide: 8
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with a network of the user's and the one file that makes it an option."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(MINE)
    source = sys.modules[Plain.__module__].__file__
    assert source
    (tmp_path / "nets.py").write_text(Path(source).read_text())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("role", ["teacher.model", "student"])
def test_a_module_of_the_users_is_one_file_whatever_its_role(role: str, mine: Path) -> None:
    asked = ("data.image_size=[3,32,32]", "data.train_size=160", f"model@{role}=mine", "distiller=searched")
    ended = program(mine, "uniads.train", "--config-dir", "conf", *RUN, *asked)
    assert ended.returncode == 0, ended.stderr
    assert (mine / "run" / "student.pt").is_file()
    assert f"teacher  {'Tapped' if role == 'teacher.model' else 'ResNet'}: " in ended.stdout


@pytest.mark.slow
def test_a_module_of_the_users_is_a_fixed_student_of_a_search(mine: Path) -> None:
    asked = ("data.image_size=[3,32,32]", "data.train_size=160", "model@student=mine", "final=false", "launcher=basic")
    small = ("search=tiny", "space=distiller", "chance=null")
    ended = program(mine, "uniads.search", "--config-dir", "conf", *RUN, *asked, *small)
    assert ended.returncode == 0, ended.stderr
    assert "space    distiller: 12 genes" in ended.stdout
    assert (mine / "run" / "front.csv").read_text().count("\n") > 1


@pytest.mark.slow
def test_a_vision_transformer_of_timm_teaches_a_resnet_on_digits(tmp_path: Path) -> None:
    """Offline, with random weights; its tokens are maps (N, C, H, W) to the distiller."""
    pytest.importorskip("timm")
    asked = (
        "+model@teacher.model=timm", "teacher.model.name=vit_tiny_patch16_224", "+teacher.model.img_size=8",
        "+teacher.model.patch_size=2", "+teacher.model.depth=3", "+model@student=resnet8", "distiller=searched",
        "data.fraction=0.3", "teacher.recipe.epochs=2", "teacher.recipe.milestones=[]", "recipe.epochs=2",
        "recipe.milestones=[]", "chance=null", "callback=none", "logger=csv", "hydra.run.dir=run",
    )  # fmt: skip
    ended = program(tmp_path, "uniads.train", *asked)
    assert ended.returncode == 0, ended.stderr
    assert "data     Digits" in ended.stdout
    assert "teacher  timm: " in ended.stdout
    assert (tmp_path / "run" / "student.pt").is_file()


REAL = os.environ.get("UNIADS_DATA")
"""Where the user's data sets are; no test sees the variable itself."""


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and (Path(REAL) / "cifar-100-python").is_dir()), reason="UNIADS_DATA has no CIFAR-100")
def test_on_cifar_100_the_loss_of_the_first_epochs_falls(tmp_path: Path) -> None:
    ended = program(
        tmp_path, "uniads.train", "+pair=resnet56-resnet20", "data=cifar100", f"paths.data_dir={REAL}",
        "data.download=false", "trainer.limit_train_batches=20", "teacher.recipe.epochs=2", "teacher.recipe.lr=0.01",
        "epochs=2", "recipe.lr=0.01", "test=false", "chance=null", "callback=none", "logger=csv", "hydra.run.dir=run",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "teacher  ResNet: " in ended.stdout
    assert "published: 72.34% on the test set" in ended.stdout
    (metrics,) = (tmp_path / "run").rglob("metrics.csv")
    header, *rows = (line.split(",") for line in metrics.read_text().splitlines())
    losses = [float(row[header.index("train/loss")]) for row in rows if row[header.index("train/loss")]]
    assert len(losses) == 2
    assert losses[1] < losses[0]
