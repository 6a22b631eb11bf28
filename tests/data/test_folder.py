"""Images in folders: split, ordered, augmented and normalised like those in memory, whoever reads the files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.journey import LIGHTNING, configured
from uniads import build
from uniads.bridge.training_settings import configure
from uniads.data.base import Data
from uniads.data.imagefolder import ImageFolder
from uniads.data.stream import MOST_WORKERS, usable_workers
from uniads.knowledge import Batch, Knowledge
from uniads.learner.frozen import Frozen
from uniads.model.base import Network
from uniads.teacher.store import TeacherStore
from uniads.training.fit import fit
from uniads.training.parts import load_data

pytestmark = LIGHTNING
CLASSES = ("ant", "bee", "cat")
SIZES = [(12, 9), (9, 12), (20, 31), (7, 7), (16, 16), (40, 10)]
"""Width and height of the images, in turn."""


def write(part: Path, images: int, classes: Sequence[str] = CLASSES) -> None:
    """Noisy images of one colour a class, of sizes that no two neighbours share."""
    for number, name in enumerate(classes):
        (part / name).mkdir(parents=True)
        for image in range(images):
            rng = np.random.default_rng(1000 * number + image)
            pixels = rng.integers(0, 60, (*SIZES[image % len(SIZES)][::-1], 3), dtype=np.uint8)
            pixels[..., number % 3] += 180
            Image.fromarray(pixels).save(part / name / f"{image:03}.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten training and three test images of each of three classes."""
    write(tmp_path / "set" / "train", 10)
    write(tmp_path / "set" / "val", 3)
    return tmp_path / "set"


def images(place: Path, **more: object) -> ImageFolder:
    settings = {"folder": str(place), "crop": 8, "resize": 10, "workers": 0, "mean": [0.5] * 3, "std": [0.25] * 3}
    return ImageFolder(**{**settings, **more})


def views(data: Data, batch_size: int = 4, epoch: int = 0) -> dict[int, Tensor]:
    """Each image of an epoch as the network sees it, by its index, in the order in which they come."""
    batches = data.train(batch_size)
    batches.set_epoch(epoch)
    return {int(index): image for batch in batches for index, image in zip(batch.index, batch.image, strict=True)}


def same(ours: dict[int, Tensor], theirs: dict[int, Tensor]) -> bool:
    return all(torch.equal(ours[index], theirs[index]) for index in ours.keys() & theirs.keys())


def test_images_of_any_size_become_batches_of_one_size(folder: Path) -> None:
    data = images(folder)
    assert (data.num_classes, data.channels, data.size) == (3, 3, (8, 8))
    loader = data.train(4)
    batches = list(loader)
    assert len(batches) == len(loader) == 7
    assert sum(len(batch.label) for batch in batches) == len(loader.index) == 27
    for batch in batches:
        assert batch.image.shape[1:] == (3, 8, 8)
        assert batch.image.dtype == torch.float32
        # The colour of an image says its class, and so does the position of its file.
        assert torch.equal(batch.image.mean((2, 3)).argmax(1), batch.label)
        assert torch.equal(batch.index // 10, batch.label)


def test_plain_images_are_resized_cut_to_the_middle_and_normalised(folder: Path) -> None:
    batch = next(iter(images(folder, crop=8, resize=9, mean=[0.5, 0.4, 0.3], std=[0.25, 0.5, 1.0]).test(4)))
    pixels = np.asarray(Image.open(folder / "val" / "ant" / "000.png"))
    assert pixels.shape == (9, 12, 3)
    # Of nine rows the middle eight are the first or the last eight.
    middles = [torch.from_numpy(pixels[top : top + 8, 2:10].copy()).permute(2, 0, 1).float() / 255 for top in (0, 1)]
    normal = [
        (m - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor([0.25, 0.5, 1.0]).view(3, 1, 1)
        for m in middles
    ]
    assert min(float((batch.image[0] - wanted).abs().max()) for wanted in normal) < 1e-5


def test_the_split_is_stratified_and_leaves_the_test_folder_alone(folder: Path) -> None:
    data = images(folder, val_fraction=0.2)
    train, val = data.train(4), data.val(4)
    assert torch.bincount(train.label[train.index]).tolist() == [8] * 3
    assert torch.bincount(val.label[val.index]).tolist() == [2] * 3
    assert not set(train.index.tolist()) & set(val.index.tolist())
    assert {Path(train.files[i]).parts[-3] for i in [*train.index.tolist(), *val.index.tolist()]} == {"train"}
    assert {Path(file).parts[-3] for file in data.test(4).files} == {"val"}
    assert len(data.test(4).index) == 9


def test_the_split_is_the_one_of_a_set_in_memory(folder: Path) -> None:
    ours = images(folder, fraction=0.5, val_fraction=0.2, split_seed=3)
    theirs = build("data", "fake", num_classes=3, train_size=30, fraction=0.5, val_fraction=0.2, split_seed=3)
    # A fake set has its classes in turn, a folder one after the other.
    label = ours.label(train=True)
    assert torch.bincount(label[ours.train(4).index]).tolist() == [4] * 3
    assert torch.bincount(theirs.label(train=True)[theirs.train(4).index]).tolist() == [4] * 3
    assert len(ours.val(4).index) == len(theirs.val(4).index) == 3


def test_without_holdout_all_of_the_training_folder_is_trained_on(folder: Path) -> None:
    data = images(folder, holdout=False)
    assert data.train(4).index.tolist() == list(range(30))
    assert data.val(4).index.tolist() == images(folder).val(4).index.tolist()


def test_a_view_depends_on_seed_epoch_and_index_only(folder: Path) -> None:
    ours = views(images(folder, seed=3), epoch=2)
    for other in ({"val_fraction": 0.4}, {"split_seed": 3}, {"holdout": False}, {"fraction": 0.7}):
        theirs = views(images(folder, seed=3, **other), epoch=2)
        assert len(ours.keys() & theirs.keys()) > 10
        assert same(ours, theirs)
    assert same(ours, views(images(folder, seed=3), batch_size=5, epoch=2))
    torch.manual_seed(99)
    again = views(images(folder, seed=3), epoch=2)
    assert list(again) == list(ours)
    assert same(ours, again)


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1)])
def test_another_seed_or_epoch_gives_other_views_in_another_order(seed: int, epoch: int, folder: Path) -> None:
    first, other = views(images(folder)), views(images(folder, seed=seed), epoch=epoch)
    assert list(first) != list(other)
    assert sum(not torch.equal(first[index], other[index]) for index in first) > len(first) / 2


def test_reading_draws_nothing_from_the_global_generator(folder: Path) -> None:
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    views(images(folder))
    list(images(folder).val(4))
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_change_no_batch(folder: Path) -> None:
    alone, helped = images(folder).train(4), images(folder, workers=2).train(4)
    for epoch in (0, 1):
        alone.set_epoch(epoch)
        helped.set_epoch(epoch)
        for ours, theirs in zip(alone, helped, strict=True):
            assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_the_number_of_workers_is_the_users_or_that_of_the_cores() -> None:
    assert usable_workers(0) == 0
    assert usable_workers(20) == 20
    assert 1 <= usable_workers(None) <= MOST_WORKERS


def test_grey_transparent_and_paletted_images_are_read_in_colour(folder: Path) -> None:
    for name, mode in {"010": "L", "011": "RGBA", "012": "P", "013": "1", "014": "CMYK"}.items():
        Image.new(mode, (10, 10)).save(folder / "train" / "bee" / f"{name}.{'jpg' if mode == 'CMYK' else 'png'}")
    assert next(iter(images(folder, holdout=False).train(35))).image.shape == (35, 3, 8, 8)


def test_hidden_folders_and_other_files_are_no_images(folder: Path) -> None:
    (folder / "train" / ".checkpoints").mkdir()
    (folder / "train" / "bee" / "notes.txt").write_text("no image")
    data = images(folder)
    assert data.classes == CLASSES
    assert len(data.label(train=True)) == 30


def test_a_test_folder_goes_before_a_val_folder(folder: Path) -> None:
    write(folder / "test", 1)
    assert len(images(folder).label(train=False)) == 3
    assert len(images(folder, test_folder="val").label(train=False)) == 9


def test_a_test_folder_without_some_class_keeps_the_labels(folder: Path) -> None:
    for file in (folder / "val" / "ant").iterdir():
        file.unlink()
    (folder / "val" / "ant").rmdir()
    assert images(folder).label(train=False).tolist() == [1] * 3 + [2] * 3


def test_a_whole_part_can_be_read_at_once(folder: Path) -> None:
    data = images(folder)
    pixels, label = data.read(train=False)
    assert pixels.shape == (9, 3, 8, 8)
    whole = next(iter(data.test(9)))
    torch.testing.assert_close(whole.image, (pixels.float() / 255 - 0.5) / 0.25)
    assert torch.equal(whole.label, label)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"folder": None}, r"no folder of images is given; add data\.folder=DIR, with DIR/train/<class>/"),
        ({"crop": 0}, r"data\.crop must be 1 or more and at most data\.resize=10, got 0"),
        ({"crop": 12}, r"data\.crop must be .* at most data\.resize=10, got 12"),
        ({"scale": [0.0, 1.0]}, r"data\.scale must be two rising shares above 0 and at most 1, got \[0\.0, 1\.0\]"),
        ({"scale": [0.5]}, r"data\.scale must be two"),
        ({"workers": -1}, r"data\.workers must be 0 or more, or null for one a core, got -1"),
        ({"fraction": 0.0}, r"data\.fraction must be above 0"),
    ],
)
def test_a_value_out_of_range_is_refused(wrong: dict[str, object], message: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=message):
        images(folder, **wrong)


def refused(folder: Path, *words: str, **more: object) -> None:
    """Building or reading the set ends in one sentence that holds these words."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        images(folder, **more).train(4)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_folder_is_named_with_what_belongs_there(tmp_path: Path) -> None:
    for classes in (None, 1000):
        refused(
            tmp_path / "none", "there is no folder", "none/train/<class>/", "paths.data_dir", "UNIADS_DATA",
            num_classes=classes,
        )  # fmt: skip


def test_one_folder_of_classes_is_told_apart_from_a_train_and_a_test_folder(tmp_path: Path) -> None:
    write(tmp_path / "flat", 2)
    refused(tmp_path / "flat", "has no folder train", "flat/train/<class>/ and test/<class>/ or val/<class>/")
    write(tmp_path / "half" / "train", 2)
    refused(tmp_path / "half", "has no folder test or val")


def test_empty_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "dog").mkdir()
    refused(folder, "train holds no image of dog", ".png")
    (folder / "train" / "dog").rmdir()
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "val").mkdir()
    refused(tmp_path / "empty", "has 0 class folders, at least 2 are needed")


def test_a_test_folder_without_images_is_refused(folder: Path) -> None:
    for file in (folder / "val").rglob("*.png"):
        file.unlink()
    with pytest.raises(ValueError, match="val holds no image; images are files that end in"):
        images(folder).test(4)


def test_classes_that_do_not_fit_are_refused(folder: Path) -> None:
    refused(folder, "has 3 classes and data.num_classes is 1000", num_classes=1000)
    (folder / "val" / "dog").mkdir()
    refused(folder, "val has classes that", "dog")
    (folder / "val" / "dog").rename(folder / "val" / "Bee")
    refused(folder, "val has classes that", "Bee", "Did you mean bee?")


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content", [b"", b"no image at all", "cut"])
def test_a_file_that_is_no_image_is_named(workers: int, content: bytes | str, folder: Path) -> None:
    file = folder / "train" / "bee" / "003.png"
    file.write_bytes(file.read_bytes()[:60] if isinstance(content, str) else content)
    with pytest.raises(
        ValueError, match=r"bee/003\.png can't be read as an image .*; replace it, or remove it"
    ) as caught:
        list(images(folder, workers=workers, holdout=False).train(4))
    assert "\n" not in str(caught.value)


def test_imagenet_is_built_without_a_look_at_its_files(tmp_path: Path) -> None:
    data: Data = build("data", "imagenet", root=str(tmp_path))
    assert (data.num_classes, data.channels, data.size) == (1000, 3, (224, 224))
    assert not list(tmp_path.iterdir())


class Means(Network):
    """Says the mean colours of an image."""

    def forward(self, image: Tensor) -> Knowledge:
        return Knowledge((image,), image.mean((2, 3)), image.mean((2, 3)))


def test_what_a_teacher_says_can_be_stored(folder: Path, tmp_path: Path) -> None:
    data = images(folder)
    store = TeacherStore(Frozen(Means()), tmp_path / "store", data.train(4))
    batches = data.train(4)
    batches.set_epoch(1)
    for batch in batches:
        assert isinstance(batch, Batch)
        torch.testing.assert_close(store(batch, 1).logits, batch.image.mean((2, 3)))


SMALL = (
    "+model@teacher.model=resnet8", "+model@student=resnet8", "data.crop=8", "data.resize=10",
    "recipe.batch_size=4", "recipe.lr=0.05", "recipe.epochs=2", "teacher.recipe.epochs=1",
    "callback=none", "logger=csv",
)  # fmt: skip


def small(folder: Path, run: Path, *overrides: str) -> tuple[str, ...]:
    places = (f"paths.run_dir={run}", f"paths.teacher_dir={run.parent / 'teachers'}", f"data.folder={folder}")
    return (*SMALL, *places, *overrides)


@pytest.mark.parametrize("overrides", [("data=imagefolder",), ("data=imagenet", "data.num_classes=3")])
def test_a_student_is_trained_on_a_folder(overrides: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    outcome = fit(configure(*overrides, *small(folder, tmp_path / "run", "data.workers=0")))
    assert outcome.epochs == 2
    assert outcome.rejected is None
    assert outcome.val_loss is not None
    assert outcome.test_acc1_last is not None
    assert (tmp_path / "run" / "student.pt").exists()


def test_imagenet_brings_its_own_recipe_and_a_folder_does_not() -> None:
    networks = ("+model@teacher.model=resnet8", "+model@student=resnet8")
    cfg = configured("data=imagenet", *networks)
    for recipe in (cfg.recipe, cfg.teacher.recipe):
        assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.weight_decay) == (100, 256, 0.1, 1e-4)
        assert recipe.milestones == [30, 60, 90]
    assert configured("data=imagenet", "recipe=quick", *networks).recipe.epochs == 6
    assert configured("data=imagefolder", *networks).recipe == configured(*networks).recipe


def test_sets_in_two_folders_have_two_configurations(folder: Path) -> None:
    other = folder.parent / "other"
    write(other / "train", 2)
    write(other / "val", 1)
    ours, theirs = (load_data(configure("data=imagefolder", *small(place, place / "run"))) for place in (folder, other))
    assert len(ours.label(train=True)) == 30
    assert len(theirs.label(train=True)) == 6
