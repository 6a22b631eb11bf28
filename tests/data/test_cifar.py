"""CIFAR's files: read in torchvision's layout, verified, and never half loaded."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from uniads.data.cifar import CIFAR

FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]


def cifar(root: Path, num_classes: int = 10, download: bool = False) -> CIFAR:
    return CIFAR(num_classes, download, root=str(root), mean=[0.5] * 3, std=[0.25] * 3)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """CIFAR-10's files with four images each; image j of file i has all bytes 10 i + j in its red channel."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate(FILES):
        pixels = np.zeros((4, 3, 32, 32), np.uint8)
        pixels[:, 0] = 10 * number + np.arange(4).reshape(4, 1, 1)
        pixels[:, 1, 0, 5] = 200
        content = {"data": pixels.reshape(4, -1), "labels": [0, 1, 2, 3], "label_names": list("abcdefghij")}
        (folder / name).write_bytes(pickle.dumps(content))
    return tmp_path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is refused at once."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.parametrize("num_classes", [10, 100])
@pytest.mark.parametrize("download", [True, False])
@pytest.mark.usefixtures("offline")
def test_missing_files_end_in_one_sentence(tmp_path: Path, num_classes: int, download: bool) -> None:
    data = cifar(tmp_path / "nothing", num_classes, download)
    with pytest.raises(FileNotFoundError, match=f"CIFAR-{num_classes} is missing or damaged in") as caught:
        data.train(8)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(tmp_path / "nothing"), "paths.data_dir=DIR", "UNIADS_DATA"):
        assert word in message


@pytest.mark.parametrize("download", [True, False])
@pytest.mark.usefixtures("offline")
def test_files_of_another_content_are_refused(written: Path, download: bool) -> None:
    with pytest.raises(FileNotFoundError, match="missing or damaged"):
        cifar(written, download=download).train(8)


def test_whole_files_are_read_as_bytes_channels_first(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written / "cifar-10-batches-py"
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in FILES}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, sums[name]] for name in FILES[:5]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    train, test = cifar(written).read(train=True), cifar(written).read(train=False)
    assert train.pixels.shape == (20, 3, 32, 32)
    assert train.pixels.dtype == torch.uint8
    assert train.pixels[:, 0, 31, 31].tolist() == [10 * file + image for file in range(5) for image in range(4)]
    assert (train.pixels[:, 1, 0, 5] == 200).all()
    assert train.label.tolist() == [0, 1, 2, 3] * 5
    assert test.pixels[:, 0, 0, 0].tolist() == [50, 51, 52, 53]


def test_there_is_no_cifar_of_other_classes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CIFAR has 10 or 100 classes, got num_classes 20"):
        cifar(tmp_path, num_classes=20)
