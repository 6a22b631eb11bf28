"""Every value of a space is made once, without data, before a teacher is trained."""

from pathlib import Path

import pytest

from tests.journey import LIGHTNING, SMALL, Commands, refused
from uniads.search import __main__ as search

pytestmark = [pytest.mark.slow, *LIGHTNING]
ASKED = (*SMALL, "search=tiny", "launcher=basic", "final=false", "report=false", "paths.teacher_dir=/dev/null/teachers")
"""A search whose teacher can't be trained: what is wrong has to be found earlier."""


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        ("distiller.logits.weight:[1,-2]", ["value -2 of distiller.logits.weight", "0 or more and finite, got -2"]),
        ("distiller.logits.weight:[1,heavy]", ["value 'heavy' of distiller.logits.weight", "must be a number"]),
        ("recipe.momentum:[0.9,1]", ["value 1 of recipe.momentum", "0 or more and below 1, got 1"]),
        ("recipe.lr:[0.1,null]", ["value null of recipe.lr", "must be a number above 0, got null"]),
    ],
)
def test_a_value_that_only_a_later_candidate_would_have_is_refused(
    dimension: str, said: list[str], command: Commands
) -> None:
    refused(command(search.main, *ASKED, f"+space.dimensions={{{dimension}}}"), *said)
    assert not list(Path().rglob("ledger.jsonl"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("search.measures.loss.name=val_los",), ["search.measures.loss.name", "'val_los'", "Did you mean val_loss?"]),
        (("search.max_params=3",), ["search.max_params=3 is below every student of this space", "raise it"]),
        (("space=paper", "distiller=kd"), ["genes have no place with distiller=kd", "space=architecture"]),
        (("+callback.x._target_=pytorch_lightning.callbacks.EarlyStopping",), ["callback.x", "monitor"]),
        (("search.rejection.mad_factor=inf",), ["search.rejection.mad_factor must be a finite number, got inf"]),
    ],
)
def test_what_would_be_found_after_the_work_is_refused_before(
    overrides: tuple[str, ...], said: list[str], command: Commands
) -> None:
    asked = ASKED if not any(each.startswith("+callback") for each in overrides) else (*ASKED, "final=true")
    refused(command(search.main, *asked, *overrides), *said)
    assert not list(Path().rglob("ledger.jsonl"))
