"""The label's class and all others."""

import pytest
import torch

from tests.distiller.contexts import context_of
from tests.distiller.logits import drawn, labels, said
from uniads import build
from uniads.distiller.label import teach_label
from uniads.error import UserError
from uniads.transform.rest import drop_label


def test_a_row_without_its_label_keeps_the_others_in_order() -> None:
    x = torch.arange(12).float().view(3, 4)
    assert drop_label(x, torch.tensor([0, 3, 1])).tolist() == [[1, 2, 3], [4, 5, 6], [8, 10, 11]]


def test_a_label_is_taught_as_sure_as_the_teacher_is_of_it() -> None:
    student, teacher, label = drawn(0), drawn(1), labels()
    p, q = teacher.softmax(1), student.softmax(1)
    wanted = sum(-p[n, c] * q[n, c].log() for n, c in enumerate(label.tolist())) / len(label)
    torch.testing.assert_close(teach_label(student, teacher, label), wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["nkd", "rld", "ctkd", "wkd_l"])
@pytest.mark.parametrize(("own", "taught"), [(4, 5), (1, 1)])
def test_other_classes_are_refused(name: str, own: int, taught: int) -> None:
    context = context_of(said(torch.zeros(2, own)), said(torch.zeros(2, taught)))
    with pytest.raises(UserError, match=rf"at least 2, got {own} of the student and {taught} of the teacher; train"):
        build("distiller", name).adapt(context)
