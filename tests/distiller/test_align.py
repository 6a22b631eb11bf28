"""Adapters: there where shapes differ, on the student's side, and nowhere else."""

import pytest
import torch
from torch import nn

from uniads.distiller.align import Align

MAPS = [((2, 8, 4, 4), (2, 16, 8, 8)), ((2, 8, 8, 8), (2, 16, 4, 4)), ((2, 8, 2, 2), (2, 16, 4, 4))]


@pytest.mark.parametrize(("student", "teacher"), MAPS)
def test_maps_meet_at_the_smaller_size_with_the_teachers_channels(
    student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    mine, theirs = Align(student, teacher)(torch.randn(student), torch.randn(teacher))
    size = min(student[2], teacher[2])
    assert mine.shape == theirs.shape == (2, 16, size, size)


def test_height_and_width_are_pooled_apart() -> None:
    mine, theirs = Align((2, 3, 4, 8), (2, 3, 8, 4))(torch.randn(2, 3, 4, 8), torch.randn(2, 3, 8, 4))
    assert mine.shape == theirs.shape == (2, 3, 4, 4)


def test_the_larger_map_is_averaged_over_blocks() -> None:
    teacher = torch.randn(2, 3, 4, 4)
    _, theirs = Align((2, 3, 2, 2), teacher.shape)(torch.randn(2, 3, 2, 2), teacher)
    torch.testing.assert_close(theirs, teacher.reshape(2, 3, 2, 2, 2, 2).mean((3, 5)))


def test_vectors_get_a_linear_map() -> None:
    align = Align((2, 5), (2, 7))
    mine, theirs = align(torch.ones(2, 5), torch.ones(2, 7))
    assert isinstance(align.channels, nn.Linear)
    assert mine.shape == theirs.shape == (2, 7)
    assert torch.equal(theirs, torch.ones(2, 7))


def test_equal_channels_need_no_trained_part() -> None:
    align = Align((2, 4, 8, 8), (2, 4, 2, 2))
    assert not list(align.parameters())
    student = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(
        align(student, torch.randn(2, 4, 2, 2))[0], student.reshape(2, 4, 2, 4, 2, 4).mean((3, 5))
    )


def test_the_trained_part_sees_the_student_alone() -> None:
    align = Align((2, 3, 4, 4), (2, 6, 4, 4))
    teacher = torch.randn(2, 6, 4, 4)
    assert align(torch.randn(2, 3, 4, 4), teacher)[1] is teacher
    assert sum(parameter.numel() for parameter in align.parameters()) == 3 * 6 + 6


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3, 4, 4)), ((2, 3, 4), (2, 3, 4)), ((2, 3, 4, 4), (2, 3))])
def test_other_ranks_are_refused_with_both_shapes(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"only two maps or two vectors can be aligned, got shapes \(2, 3") as caught:
        Align(*shapes)
    assert str(shapes[1]) in str(caught.value)
