"""Which images are trained on, held out and tested on."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uniads.data.digits import Digits
from uniads.data.fake import Fake
from uniads.data.split import split_by_class
from uniads.error import UserError


def fake(**more: object) -> Fake:
    return Fake(num_classes=4, image_size=[1, 4, 4], train_size=120, test_size=8, **more)


def digits(**more: object) -> Digits:
    return Digits(mean=[0.3], std=[0.4], **more)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 1, exclude_max=True), st.integers(0, 2**31 - 1)
)
def test_every_class_gives_its_share_and_no_image_is_on_both_sides(
    labels: list[int], fraction: float, seed: int
) -> None:
    label = torch.tensor(labels)
    kept, held = split_by_class(label, fraction, seed)
    assert sorted(kept.tolist() + held.tolist()) == list(range(len(labels)))
    assert kept.tolist() == sorted(kept.tolist())
    assert held.tolist() == sorted(held.tolist())
    for value in set(labels):
        assert int((label[held] == value).sum()) == round(fraction * labels.count(value))


def test_the_split_is_the_seeds_alone() -> None:
    label = torch.arange(100) % 5
    assert split_by_class(label, 0.2, 7)[1].tolist() == split_by_class(label, 0.2, 7)[1].tolist()
    assert split_by_class(label, 0.2, 7)[1].tolist() != split_by_class(label, 0.2, 8)[1].tolist()


def test_a_split_seed_of_the_data_moves_images_between_the_sides() -> None:
    one, other = digits(split_seed=0), digits(split_seed=1)
    assert one.val(8).index.tolist() == digits(split_seed=0, seed=5).val(8).index.tolist()
    assert one.val(8).index.tolist() != other.val(8).index.tolist()


def test_no_validation_image_is_trained_on() -> None:
    data = digits()
    train, val = set(data.train(8).index.tolist()), set(data.val(8).index.tolist())
    assert not train & val
    assert len(train | val) == len(data.train(8).label)
    assert {index for batch in data.train(8) for index in batch.index.tolist()} == train


def test_without_holdout_all_images_are_trained_on() -> None:
    everything = digits(holdout=False)
    held = digits()
    assert everything.train(8).index.tolist() == list(range(len(everything.train(8).label)))
    assert everything.val(8).index.tolist() == held.val(8).index.tolist()


def test_a_fraction_takes_its_share_of_each_class_before_the_split() -> None:
    data = fake(fraction=0.5, val_fraction=0.2)
    train, val = data.train(8), data.val(8)
    assert torch.bincount(train.label[train.index]).tolist() == [12] * 4
    assert torch.bincount(val.label[val.index]).tolist() == [3] * 4
    assert not set(train.index.tolist()) & set(val.index.tolist())


def test_the_digits_test_part_shares_no_image_with_the_training_part() -> None:
    data = digits()
    train, test = data.read(train=True), data.read(train=False)
    assert len(train.label) + len(test.label) == 1797
    assert abs(len(test.label) - 1797 / 5) < 5
    seen = {image.numpy().tobytes() for image in train.pixels}
    assert not seen & {image.numpy().tobytes() for image in test.pixels}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fraction": 0.0}, r"data\.fraction must be above 0 and at most 1, got 0\.0"),
        ({"fraction": 1.5}, r"data\.fraction must be above 0"),
        ({"val_fraction": 0.0}, r"data\.val_fraction must be above 0 and below 1"),
        ({"val_fraction": 1.0}, r"data\.val_fraction must be above 0 and below 1"),
        ({"padding": -1}, r"data\.padding must be 0 or more pixels, got -1"),
    ],
)
def test_a_value_out_of_range_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fake(**wrong)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"leave 120 to train on and 0 to validate on"):
        fake(val_fraction=0.001).val(8)


def test_a_batch_of_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"recipe\.batch_size must be 1 or more, got 0"):
        fake().train(0)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_share_of_the_digits_is_the_test_set_and_no_other_image_is(share: float) -> None:
    data = digits(test_fraction=share, holdout=False)
    train, test = data.train(8), data.test(8)
    every = digits(holdout=False)
    pixels = {image.tobytes() for image in every.read(train=True).pixels.numpy()} | {
        image.tobytes() for image in every.read(train=False).pixels.numpy()
    }
    assert len(test.label) == pytest.approx(share * 1797, abs=5)
    assert len(train.label) + len(test.label) == 1797
    mine = [image.tobytes() for part in (True, False) for image in data.read(train=part).pixels.numpy()]
    assert set(mine) == pixels


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_test_set_of_no_digit_or_all_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="test_fraction must be above 0 and below 1"):
        digits(test_fraction=share)
