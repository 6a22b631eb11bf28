"""Batches: complete, counted, and the same pixels for the same (seed, epoch, index)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from uniads.data.augment import Augment
from uniads.data.fake import Fake
from uniads.data.loader import Loader


def loader(images: int, batch_size: int, augment: Augment | None = None) -> Loader:
    pixels = torch.arange(images * 4).view(images, 1, 2, 2).to(torch.uint8)
    return Loader(
        pixels, torch.zeros(images, dtype=torch.long), torch.arange(images), batch_size, [0.5], [0.5], augment
    )


def fake(**more: object) -> Fake:
    shape = {"num_classes": 4, "image_size": [2, 5, 6], "train_size": 90, "test_size": 8}
    return Fake(**shape, **{"padding": 2, "flip": True, **more})


def views(data: Fake, batch_size: int, epoch: int = 0) -> dict[int, Tensor]:
    """Each image of an epoch as the network sees it, by its index."""
    batches = data.train(batch_size)
    batches.set_epoch(epoch)
    return {int(index): image for batch in batches for index, image in zip(batch.index, batch.image, strict=True)}


@given(st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_every_image_comes_once_and_the_length_is_the_number_of_batches(n: int, size: int, shuffled: bool) -> None:
    batches = loader(n, size, Augment(0, False) if shuffled else None)
    sizes = [len(batch.label) for batch in batches]
    assert len(sizes) == len(batches)
    assert sorted(index for batch in batches for index in batch.index.tolist()) == list(range(n))
    if n > 1 and size > 1:
        assert min(sizes) > 1, "batch norm can't be trained on one image"


def test_the_last_batch_holds_what_is_left() -> None:
    assert [len(batch.label) for batch in loader(10, 4)] == [4, 4, 2]


def test_a_single_image_left_joins_the_batch_before() -> None:
    assert [len(batch.label) for batch in loader(9, 4)] == [4, 5]


def test_batches_of_one_are_given_where_they_are_asked_for() -> None:
    assert [len(batch.label) for batch in loader(3, 1)] == [1, 1, 1]


def test_plain_batches_come_in_order_and_normalised() -> None:
    batch = next(iter(loader(6, 6)))
    assert batch.index.tolist() == [0, 1, 2, 3, 4, 5]
    pixels = torch.arange(24).view(6, 1, 2, 2).float()
    torch.testing.assert_close(batch.image, (pixels / 255 - 0.5) / 0.5)
    assert batch.image.is_contiguous()


@pytest.mark.parametrize("other", [{"fraction": 0.5}, {"val_fraction": 0.4}, {"split_seed": 3}, {"holdout": False}])
def test_a_view_depends_on_no_other_setting_of_the_data(other: dict[str, float]) -> None:
    ours, theirs = views(fake(seed=3), 8, epoch=2), views(fake(seed=3, **other), 8, epoch=2)
    both = ours.keys() & theirs.keys()
    assert len(both) > 20
    assert all(torch.equal(ours[index], theirs[index]) for index in both)


def test_a_view_does_not_depend_on_the_batch_size_nor_on_the_order_that_follows_from_it() -> None:
    ours, theirs = views(fake(), 8), views(fake(), 13)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[index], theirs[index]) for index in ours)


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1), (4096, 0), (2**31 - 1, 0)])
def test_another_seed_or_epoch_gives_other_views_in_another_order(seed: int, epoch: int) -> None:
    first, other = views(fake(seed=0), 8), views(fake(seed=seed), 8, epoch)
    assert list(first) != list(other)
    assert sum(not torch.equal(first[index], other[index]) for index in first) > len(first) / 2


def test_an_epoch_comes_again_as_it_was() -> None:
    data = fake(seed=5)
    first, again = views(data, 8, epoch=1), views(data, 8, epoch=1)
    assert list(first) == list(again)
    assert all(torch.equal(first[index], again[index]) for index in first)


def test_validation_images_are_neither_moved_nor_shuffled() -> None:
    data = fake()
    for batch in data.val(4):
        plain = (data.val(4).pixels[batch.index].float() / 255 - 0.5) / 0.25
        torch.testing.assert_close(batch.image, plain)


def test_with_fixed_views_an_epoch_shows_those_of_its_remainder_in_an_order_of_its_own() -> None:
    data = fake(views=2)
    shown = [views(data, 16, epoch) for epoch in range(4)]
    anew = [views(fake(), 16, epoch) for epoch in range(2)]
    for epoch in (0, 1):
        assert all(torch.equal(shown[epoch][index], shown[epoch + 2][index]) for index in shown[0])
        assert all(torch.equal(shown[epoch][index], anew[epoch][index]) for index in shown[0])
    assert any(not torch.equal(shown[0][index], shown[1][index]) for index in shown[0])
    assert list(shown[0]) != list(shown[2])


def test_the_number_of_views_is_above_zero() -> None:
    with pytest.raises(ValueError, match=r"data.views must be 1 or more, or null .*, got 0"):
        fake(views=0)
