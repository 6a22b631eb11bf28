"""What a candidate minimises, from the overrides in a ledger."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra

from tests.journey import SMALL
from uniads import build
from uniads.bridge.candidate_loss import describe_candidate_loss, describe_distiller
from uniads.bridge.loss_formula import TermFormula
from uniads.options import conf_dir
from uniads.search.account import Account


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def test_a_candidates_terms_are_those_of_its_overrides(loader: ConfigLoader, account: Account) -> None:
    trained = replace(account, facts={**account.facts, "overrides": [*SMALL, "distiller=searched"]})
    overrides = (
        "transform@distiller.logits.transform.first=tanh", "distance@distiller.logits.distance=l2",
        "distiller.logits.weight=10", "distiller.logits.tau=4", "distiller.feature.weight=0",
    )  # fmt: skip
    loss = describe_candidate_loss(loader, trained, replace(account.result.trials[0], overrides=overrides))
    assert loss is not None
    assert loss.task == 1
    assert [term.name for term in loss.terms] == ["embedding", "logits"]
    assert loss.terms[1] == TermFormula("logits", "logits", ("Tanh",), "L2", 10, 4)
    assert "10 * 4² * L2(Tanh(logits) / 4)" in loss.text


def test_overrides_that_can_not_be_composed_have_no_loss(loader: ConfigLoader, account: Account) -> None:
    best = account.result.trials[0]
    assert describe_candidate_loss(loader, account, best) is None, "the ledger does not know the shared overrides"
    trained = replace(account, facts={**account.facts, "overrides": [*SMALL, "distiller=searched"]})
    for override in ("student.nothing=1", "distance@distiller.logits.distance=nothing", "distiller.logits.weight=-1"):
        assert describe_candidate_loss(loader, trained, replace(best, overrides=(override,))) is None


def test_a_module_is_a_term_under_its_own_name() -> None:
    distiller = build("distiller", "crd")
    module = distiller.terms()["crd"]
    assert describe_distiller(distiller).terms == (
        TermFormula("crd", type(module).__name__, (), "", module.weight, 1.0),
    )


def test_a_term_says_temperatures_images_and_course() -> None:
    more = {"tau_teacher": 5, "sample_weight": "confidence", "ramp": 0.5}
    (term,) = describe_distiller(build("distiller", "kd", logits=more)).terms
    assert (term.tau, term.tau_teacher, term.counted, term.course) == (
        4,
        5,
        "confidence",
        "rising for 0.5 of the epochs",
    )
    (term,) = describe_distiller(build("distiller", "kd")).terms
    assert (term.tau_teacher, term.counted, term.course) == (None, "", "")
