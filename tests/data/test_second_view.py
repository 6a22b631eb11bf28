"""A second view of each image: stronger, its own, and the first one as it would be alone."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.data.test_folder import write
from uniads.data.base import Data
from uniads.data.fake import Fake
from uniads.data.imagefolder import ImageFolder
from uniads.data.loader import Loader
from uniads.error import UserError
from uniads.knowledge import PairedBatch

STRONG = (2, 10)


def fake(**more: object) -> Fake:
    shape = {"num_classes": 4, "image_size": [3, 8, 8], "train_size": 90, "test_size": 8}
    return Fake(**{**shape, "padding": 2, "flip": True, **more})


def batches(data: Data, batch_size: int, epoch: int = 0, strong: tuple[int, int] | None = STRONG) -> list[PairedBatch]:
    loader = data.train(batch_size, "cpu", None, strong)
    loader.set_epoch(epoch)
    return list(loader)  # type: ignore[arg-type]


def views(data: Data, batch_size: int, epoch: int = 0) -> dict[int, tuple[Tensor, Tensor]]:
    """Both views of each image, by its index."""
    found = {}
    for batch in batches(data, batch_size, epoch):
        first, second = batch.image.chunk(2)
        found |= {int(index): pair for index, *pair in zip(batch.index, first, second, strict=False)}
    return found  # type: ignore[return-value]


def test_the_first_view_is_the_one_that_there_is_alone_to_the_bit() -> None:
    for paired, plain in zip(batches(fake(), 8, 2), batches(fake(), 8, 2, None), strict=True):
        n = len(plain.label)
        assert (paired.views, plain.views) == (2, 1)
        assert torch.equal(paired.image[:n], plain.image)
        assert torch.equal(paired.label, plain.label.repeat(2))
        assert torch.equal(paired.index, plain.index.repeat(2))
        assert paired.image.is_contiguous()


def test_the_recipes_randaugment_changes_the_first_view_alone() -> None:
    one, other = (next(iter(fake().train(16, "cpu", added, STRONG))) for added in (None, (2, 30)))
    assert not torch.equal(one.image[:16], other.image[:16])
    assert torch.equal(one.image[16:], other.image[16:])


def test_a_second_view_depends_on_seed_epoch_and_image_alone() -> None:
    ours, theirs = views(fake(seed=3), 8, 2), views(fake(seed=3, val_fraction=0.4), 13, 2)
    both = ours.keys() & theirs.keys()
    assert len(both) > 20
    assert all(torch.equal(ours[index][1], theirs[index][1]) for index in both)
    for seed, epoch in ((3, 1), (4, 2)):
        other = views(fake(seed=seed), 8, epoch)
        assert sum(not torch.equal(ours[index][1], other[index][1]) for index in ours) > len(ours) / 2


def test_the_second_view_is_cropped_and_flipped_by_draws_of_its_own() -> None:
    data = fake()
    data_loader = data.train(8, "cpu", None, (1, 0))  # of the fourteen operations several are none at magnitude 0
    pairs = [pair for batch in data_loader for pair in zip(*batch.image.chunk(2), strict=True)]
    assert sum(not torch.equal(*pair) for pair in pairs) > 0.8 * len(pairs)
    still = fake(padding=0, flip=False).train(8, "cpu", None, (1, 0))
    pairs = [pair for batch in still for pair in zip(*batch.image.chunk(2), strict=True)]
    assert sum(torch.equal(*pair) for pair in pairs) > 0.4 * len(pairs)


def test_fixed_views_come_back_in_both() -> None:
    data = fake(views=2)
    one, again, other = views(data, 8, 0), views(data, 8, 2), views(data, 8, 1)
    assert all(torch.equal(one[index][1], again[index][1]) for index in one)
    assert sum(torch.equal(one[index][1], other[index][1]) for index in one) < len(one) / 2


def test_files_have_a_second_view_too_the_same_in_each_batch_and_worker(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part, 5)

    def folder(workers: int) -> ImageFolder:
        facts = {"mean": [0.5] * 3, "std": [0.25] * 3, "crop": 12, "resize": 12, "val_fraction": 0.2}
        return ImageFolder(str(tmp_path), workers=workers, **facts)

    seen = [views(folder(0), 2), views(folder(0), 8), views(folder(2), 3)]
    for one, other in pairwise(seen):
        assert one.keys() == other.keys()
        assert all(torch.equal(*pair) for index in one for pair in zip(one[index], other[index], strict=True))
    plain = {int(i): x for batch in folder(0).train(8) for i, x in zip(batch.index, batch.image, strict=True)}
    assert all(torch.equal(plain[index], first) for index, (first, _) in seen[0].items())
    assert all(not torch.equal(first, second) for first, second in seen[0].values())
    added = {
        int(i): x for b in folder(0).train(8, "cpu", STRONG, STRONG) for i, x in zip(b.index[:8], b.image, strict=False)
    }
    assert any(not torch.equal(added[index], plain[index]) for index in plain)


def test_what_has_no_second_view_is_refused() -> None:
    class Own(Loader):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(())

    pixels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(UserError, match="the distiller's second view must be null with Own, which has batches of its"):
        Own(pixels, torch.zeros(4, dtype=torch.long), torch.arange(4), 2, [0.5], [0.5]).add_second_view(2, 10)
    with pytest.raises(UserError, match="the distiller's second view needs images of 1 or 3 channels, got 2"):
        fake(image_size=[2, 8, 8]).train(8, "cpu", None, STRONG)
