"""What a set of the user's own gives is checked."""

import pytest
import torch
from torch import Tensor

from uniads.data.base import Data, Images
from uniads.data.fake import Fake


class Own(Data):
    """Gives what it is told to give."""

    def __init__(self, images: Images, **common: object) -> None:
        super().__init__(**{"num_classes": 2, "mean": [0.5], "std": [0.25], **common})
        self.images = images

    def read(self, train: bool) -> Images:
        return self.images


def given(pixels: Tensor | None = None, label: Tensor | None = None, **common: object) -> Own:
    pixels = torch.zeros(40, 1, 4, 4, dtype=torch.uint8) if pixels is None else pixels
    return Own(Images(pixels, torch.arange(40) % 2 if label is None else label), **common)


def opened(**settings: object) -> list[int]:
    """How many images there are to train on, and to validate on."""
    data = given(**settings)  # type: ignore[arg-type]
    return [len(data.train(8).index), len(data.val(8).index)]


def test_what_is_right_is_taken() -> None:
    assert opened() == [36, 4]


WRONG = {
    "floats": ({"pixels": torch.zeros(40, 1, 4, 4)}, r"pixels of torch\.float32 and shape \(40, 1, 4, 4\), allowed"),
    "no channels": ({"pixels": torch.zeros(40, 4, 4, dtype=torch.uint8)}, r"shape \(40, 4, 4\), allowed: .*channels"),
    "nothing": (
        {"pixels": torch.zeros(0, 1, 4, 4, dtype=torch.uint8), "label": torch.zeros(0, dtype=torch.long)},
        r"shape \(0, 1, 4, 4\), allowed: .* none of them 0",
    ),
    "flat images": ({"pixels": torch.zeros(40, 1, 0, 4, dtype=torch.uint8)}, r"\(40, 1, 0, 4\), allowed"),
    "labels missing": ({"label": torch.zeros(39, dtype=torch.long)}, r"shape \(39,\), allowed: .* its 40 images"),
    "labels of floats": ({"label": torch.zeros(40)}, r"labels of torch\.float32"),
    "labels from 1": ({"label": torch.arange(40) % 2 + 1}, r"from 1 to 2, allowed: 0 to 1 .*number the classes from 0"),
    "labels below 0": ({"label": -(torch.arange(40) % 2)}, r"from -1 to 0, allowed: 0 to 1"),
    "three means": ({"mean": [0.5] * 3}, r"images of 1 channels and 3 entries in data\.mean, 1 in data\.std"),
    "no class gives an image": ({"fraction": 0.01}, r"of 40 training images data\.fraction=0\.01 .* leave 0 to train"),
    "nothing to validate on": ({"val_fraction": 0.01}, r"leave 40 to train on and 0 to validate on"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named_in_a_sentence(wrong: str) -> None:
    settings, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message) as caught:
        opened(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_size": [3, 32]}, r"image_size must be channels, height and width, each at least 1, got \[3, 32\]"),
        ({"image_size": [3, 0, 8]}, r"image_size must be .* got \[3, 0, 8\]"),
        ({"train_size": 0}, r"train_size must be at least 1, got 0"),
        ({"test_size": -1}, r"test_size must be at least 1, got -1"),
    ],
)
def test_images_that_can_not_be_made_up_are_refused(wrong: dict[str, object], message: str) -> None:
    settings = {"num_classes": 2, "image_size": [1, 4, 4], "train_size": 40, "test_size": 8, **wrong}
    with pytest.raises(ValueError, match=message):
        Fake(**settings)  # type: ignore[arg-type]


def test_a_class_is_still_the_same_picture_after_a_random_crop() -> None:
    """Large pictures are squares of one colour, 32 pixels wide ones of 4x4."""
    picture = Fake(num_classes=2, image_size=[3, 32, 32], train_size=2, test_size=2, noise=0.0).read(True).pixels[0]
    squares = picture.view(3, 8, 4, 8, 4)
    assert (squares == squares[:, :, :1, :, :1]).all()
    assert len(picture.flatten(1).unique(dim=1)[0]) > 40
