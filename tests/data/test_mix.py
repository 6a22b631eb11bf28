"""Mixup and CutMix: images and labels are mixed alike, and the same again."""

import pytest
import torch

from uniads.data.mix import Mix
from uniads.knowledge import Batch

N, CLASSES = 6, 4


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(N, 3, 8, 10, generator=generator)
    return Batch(image, torch.arange(N) % CLASSES, torch.arange(N) + 100)


def shares(mixup: float, cutmix: float, count: int = 200) -> list[tuple[float, bool]]:
    """The share of an image's own label in its goal, and whether pixels are whole, of some batches."""
    mix, given = Mix(mixup, cutmix, CLASSES, seed=0), batch()
    found = []
    for number in range(count):
        mixed = mix(given, 0, number)
        pixels = (mixed.image == given.image) | (mixed.image == given.image.roll(1, 0))
        found.append((mixed.goal[0, 0].item(), bool(pixels.all())))
    return found


def test_mixup_is_the_formula_and_labels_follow() -> None:
    given = batch()
    mixed = Mix(0.2, 0.0, CLASSES, seed=3)(given, 2, 5)
    goal = mixed.goal
    share = goal[1, 1]
    assert 0 < share < 1
    torch.testing.assert_close(mixed.image, share * given.image + (1 - share) * given.image.roll(1, 0))
    hard = torch.eye(CLASSES)[given.label]
    torch.testing.assert_close(goal, share * hard + (1 - share) * hard.roll(1, 0))


def test_cutmix_swaps_a_box_of_the_share_that_the_labels_say() -> None:
    given = batch()
    for number in range(20):
        mixed = Mix(0.0, 1.0, CLASSES, seed=3)(given, 0, number)
        goal = mixed.goal
        swapped = (mixed.image != given.image).all(1)
        assert torch.equal(mixed.image[1][:, swapped[1]], given.image[0][:, swapped[1]])
        assert goal[1, 1].item() == pytest.approx(1 - swapped[1].float().mean().item())
        rows, columns = swapped[1].any(1).sum(), swapped[1].any(0).sum()
        assert swapped[1].sum() == rows * columns, "it is a box"


def test_the_batch_keeps_its_labels_positions_and_its_own_images() -> None:
    given, before = batch(), batch()
    mixed = Mix(1.0, 1.0, CLASSES, seed=0)(given, 0, 0)
    assert torch.equal(given.image, before.image)
    assert torch.equal(mixed.label, before.label)
    assert torch.equal(mixed.index, before.index)
    torch.testing.assert_close(mixed.goal.sum(1), torch.ones(N))


def test_what_is_drawn_depends_on_seed_epoch_and_number_alone() -> None:
    def mixed(seed: int, epoch: int, number: int) -> torch.Tensor:
        return Mix(0.2, 1.0, CLASSES, seed)(batch(), epoch, number).goal

    before = torch.get_rng_state()
    first = mixed(1, 2, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(mixed(1, 2, 3), first)
    assert not any(torch.equal(mixed(*other), first) for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)))


def test_each_of_two_ways_is_taken_half_of_the_time() -> None:
    assert not any(whole for _, whole in shares(1.0, 0.0))
    assert all(whole for _, whole in shares(0.0, 1.0))
    assert 70 < sum(whole for _, whole in shares(1.0, 1.0)) < 130


def test_the_share_is_a_beta_s() -> None:
    found = torch.tensor([share for share, _ in shares(0.2, 0.0, count=400)])
    # Beta(0.2, 0.2) has mean 1/2 and variance 1 / (4 (2 · 0.2 + 1)).
    assert found.mean().item() == pytest.approx(0.5, abs=0.07)
    assert found.var().item() == pytest.approx(1 / 5.6, abs=0.03)
