"""RandAugment: torchvision's operations, drawn for each image alone."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from tests.data.test_folder import write
from uniads.data.fake import Fake
from uniads.data.imagefolder import ImageFolder
from uniads.data.loader import Loader
from uniads.data.randaugment import KINDS, SIGNED, UNSIGNED, RandAugment
from uniads.error import UserError

NAMES = (
    "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness",
    "Identity", "Posterize", "Solarize", "AutoContrast", "Equalize",
)  # fmt: skip


def fake(**more: object) -> Fake:
    shape = {"num_classes": 4, "image_size": [3, 16, 20], "train_size": 90, "test_size": 8}
    return Fake(**{**shape, "padding": 2, "flip": True, **more})


def views(data: Fake, batch_size: int, epoch: int = 0, added: tuple[int, int] | None = (2, 9)) -> dict[int, Tensor]:
    batches = data.train(batch_size, "cpu", added)
    batches.set_epoch(epoch)
    return {int(index): image for batch in batches for index, image in zip(batch.index, batch.image, strict=True)}


@pytest.mark.parametrize("magnitude", [0, 9, 30])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_operation_is_that_of_torchvision_on_each_image_alone(magnitude: int, channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, channels, 12, 17), generator=generator).to(torch.uint8)
    theirs = v2.RandAugment(2, magnitude)
    assert sorted(NAMES) == sorted(theirs._AUGMENTATION_SPACE)
    for kind in range(len(KINDS)):
        which = kind // 2 if kind < 2 * len(SIGNED) else kind - len(SIGNED)
        found, _ = theirs._AUGMENTATION_SPACE[NAMES[which]]
        strengths = found(31, 12, 17)
        strength = 0.0 if strengths is None else float(strengths[magnitude]) * KINDS[kind][1]
        ours = RandAugment(1, magnitude, channels)(pixels, torch.full((4, 1), kind))
        for image, mine in zip(pixels, ours, strict=True):
            assert torch.equal(RandAugment(1, magnitude, channels)(image[None], torch.tensor([[kind]]))[0], mine)
            wanted = theirs._apply_image_or_video_transform(
                image, NAMES[which], strength, interpolation=InterpolationMode.NEAREST, fill=theirs._fill
            )
            # Their strength is rounded to float32, by which a product may fall on the other side of a whole number.
            assert (mine.int() - wanted.int()).abs().max() <= (1 if 5 <= which <= 8 else 0), NAMES[which]


def test_fourteen_operations_are_drawn_alike_and_half_of_the_signed_ones_go_against() -> None:
    drawn = RandAugment(2, 9, 3).draw(40_000, seed=0, epoch=0)
    counts = drawn.flatten().bincount(minlength=len(KINDS)) / drawn.numel()
    wanted = torch.tensor([1 / 28] * (2 * len(SIGNED)) + [1 / 14] * len(UNSIGNED))
    assert (counts - wanted).abs().max() < 0.004
    assert (drawn[:, 0] == drawn[:, 1]).float().mean() < 0.1


def test_a_view_depends_on_seed_epoch_and_image_alone() -> None:
    ours, theirs = views(fake(seed=3), 8, epoch=2), views(fake(seed=3, val_fraction=0.4), 13, epoch=2)
    both = ours.keys() & theirs.keys()
    assert len(both) > 20
    assert all(torch.equal(ours[index], theirs[index]) for index in both)
    for seed, epoch in ((3, 1), (4, 2)):
        other = views(fake(seed=seed), 8, epoch=epoch)
        assert sum(not torch.equal(ours[index], other[index]) for index in ours) > len(ours) / 2


def test_it_comes_after_crop_and_flip_and_leaves_the_order_alone() -> None:
    plain, strong = views(fake(), 8, added=None), views(fake(), 8)
    assert list(plain) == list(strong)
    changed = sum(not torch.equal(plain[index], strong[index]) for index in plain)
    assert changed > len(plain) / 2
    weak = views(fake(), 8, added=(1, 0))
    assert any(torch.equal(plain[index], weak[index]) for index in plain), "identity shows the crop"


def test_fixed_views_come_back() -> None:
    data = fake(views=2)
    one, again = views(data, 8, epoch=0), views(data, 8, epoch=2)
    assert all(torch.equal(one[index], again[index]) for index in one)


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(UserError, match=r"recipe.randaugment needs images of 1 or 3 channels, got 2"):
        fake(image_size=[2, 8, 8]).train(8, "cpu", [2, 9])


def test_a_loader_that_makes_its_own_batches_is_refused() -> None:
    class Own(Loader):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(())

    pixels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"recipe.randaugment must be null with Own, which has batches of its own"):
        Own(pixels, torch.zeros(4, dtype=torch.long), torch.arange(4), 2, [0.5], [0.5]).add_randaugment(2, 9)


def test_files_are_augmented_too_the_same_in_each_batch(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part, 5)
    facts = {"mean": [0.5] * 3, "std": [0.25] * 3, "crop": 12, "resize": 12, "val_fraction": 0.2, "workers": 0}
    data = ImageFolder(str(tmp_path), **facts)
    small, large, plain = (
        {int(i): x for batch in data.train(size, "cpu", added) for i, x in zip(batch.index, batch.image, strict=True)}
        for size, added in ((2, [2, 9]), (8, [2, 9]), (8, None))
    )
    assert all(torch.equal(small[index], large[index]) for index in small)
    assert any(not torch.equal(plain[index], large[index]) for index in plain)
