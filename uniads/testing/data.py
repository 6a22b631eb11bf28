"""What every data set promises."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from uniads.data.base import Data
from uniads.knowledge import Batch
from uniads.testing.promise import judge, require

Make = Callable[[], Data]


def check_data(make: Make) -> None:
    """Check all promises of a data set; its images, those of the test set included, are read several times.

    Args:
        make: makes one, such as ``lambda: MyData(root="images", mean=[0.5], std=[0.25])``.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    judge(PROMISES, make)


def has_batches_of_the_declared_shape(make: Make) -> None:
    """Batches hold float32 images of the declared shape, classes in range and positions in the training set."""
    data = make()
    name = type(data).__name__
    require(isinstance(data, Data), f"{name} must be a uniads.data.base.Data")
    declared = (data.channels, *data.size)
    images = len(data.label(train=True))
    for part in (data.train, data.val, data.test):
        batch = next(iter(part(16)))
        got = tuple(batch.image.shape[1:])
        require(got == declared, f"the images of {name} must be of the declared shape {declared}, got {got}")
        require(batch.image.dtype == torch.float32, f"{name} must give float32 images, got {batch.image.dtype}")
        require(batch.image.isfinite().all(), f"the images of {name} must be finite")
        known = int(batch.label.min()) >= 0 and int(batch.label.max()) < data.num_classes
        require(known, f"the classes of {name} must be from 0 to {data.num_classes - 1}")
        if part != data.test:
            require(int(batch.index.max()) < images, f"the positions of {name} must be in its {images} training images")
    count = (len(data.mean), len(data.std))
    require(count == (data.channels,) * 2, f"{name} must have one mean and one std a channel, got {count}")


def has_labels_of_every_class(make: Make) -> None:
    """Training set and test set hold images of every class, and of no other."""
    data = make()
    for train, part in ((True, "training"), (False, "test")):
        got = len(set(data.label(train).tolist()))
        sentence = f"the {part} set of {type(data).__name__} must hold all its {data.num_classes} classes, got {got}"
        require(got == data.num_classes, sentence)


def splits_its_training_set(make: Make) -> None:
    """What is trained on and what is validated on share no image, and another object splits alike."""
    one, other = make(), make()
    name = type(one).__name__
    train, val = set(_positions(one.train(64))), set(_positions(one.val(64)))
    require(not train & val, f"{name} must not validate on images that it trains on")
    require(set(_positions(other.val(64))) == val, f"{name} must hold out the same images every time")
    require(train and val, f"{name} must leave images to train on and to validate on")


def shows_every_image_once_an_epoch(make: Make) -> None:
    """An epoch holds every training image once, in an order that the epoch decides; evaluation has one order."""
    data = make()
    name = type(data).__name__
    loader = data.train(16)
    orders = []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        orders.append(_positions(loader))
    require(len(set(orders[0])) == len(orders[0]), f"{name} must show every training image once an epoch")
    require(sorted(orders[0]) == sorted(orders[1]), f"{name} must show the same images in every epoch")
    require(orders[0] != orders[1], f"{name} must shuffle its training images anew in every epoch")
    require(orders[0] == orders[2], f"{name} must show an epoch's images in the same order every time")
    require(_positions(data.val(16)) == _positions(data.val(16)), f"{name} must not shuffle what it validates on")


def reads_the_same_twice(make: Make) -> None:
    """Two objects give the same images, bit for bit."""
    one, other = make(), make()
    for part in ("train", "val", "test"):
        batches = [next(iter(getattr(data, part)(16))) for data in (one, other)]
        same = all(torch.equal(*pair) for pair in zip(*batches, strict=True))
        require(same, f"{type(one).__name__} must give the same {part} images every time that it is read")


PROMISES: tuple[Callable[[Make], None], ...] = (
    has_batches_of_the_declared_shape,
    has_labels_of_every_class,
    splits_its_training_set,
    shows_every_image_once_an_epoch,
    reads_the_same_twice,
)
"""Each takes a function that makes a data set, and raises an AssertionError where it is broken."""


def _positions(loader: Iterable[Batch]) -> list[int]:
    """The positions of all images of an epoch, in order."""
    indices: list[Tensor] = [batch.index for batch in loader]
    positions: list[int] = torch.cat(indices).tolist()
    return positions
