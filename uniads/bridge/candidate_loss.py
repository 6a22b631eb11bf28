"""The loss of a candidate, from its overrides."""

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf.errors import OmegaConfBaseException

from uniads.bridge.loss_formula import LossFormula, TermFormula
from uniads.bridge.trust import check_overrides
from uniads.distiller.base import Distiller
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.distiller.sample_weight import ONE
from uniads.distiller.term import Term
from uniads.error import UserError
from uniads.search.account import Account
from uniads.search.trial import Trial


def describe_candidate_loss(
    loader: ConfigLoader, account: Account, trial: Trial, trusted: bool = False
) -> LossFormula | None:
    """The loss of a candidate.

    Args:
        loader: composes the candidate's configuration.
        account: of the search; its header holds the overrides that all candidates share.
        trial: of the candidate.
        trusted: whether the overrides are those of this process's own search, not of a file.

    Returns:
        The loss; None where the overrides are not those of a training that can be composed here.

    Raises:
        UserError: they are a file's, and one of them is more than a value or an option; see ``check_overrides``.
    """
    if "overrides" not in account.facts:
        return None
    overrides = [*account.facts["overrides"], *trial.overrides]
    if not trusted:
        check_overrides(account.file, overrides, loader)
    try:
        cfg = loader.load_configuration("train", overrides, RunMode.RUN)
        distiller: Distiller = instantiate(cfg.distiller)
    except (HydraException, OmegaConfBaseException, UserError):
        return None
    return describe_distiller(distiller)


def describe_distiller(distiller: Distiller) -> LossFormula:
    """The loss that a distiller computes."""
    terms = distiller.terms() if isinstance(distiller, Composed) else {}
    described = tuple(_describe_term(name, term) for name, term in terms.items())
    return LossFormula(distiller.formula(), distiller.task, described)


def _describe_term(name: str, term: Node | Term) -> TermFormula:
    if isinstance(term, Term):
        return TermFormula(name, type(term).__name__, (), "", term.weight, 1.0)
    transforms = tuple(type(transform).__name__ for transform in term.transform)
    return TermFormula(
        name, term.source, transforms, type(term.distance).__name__, term.weight, term.tau,
        tau_teacher=None if term.tau_teacher == term.tau else term.tau_teacher,
        counted="" if term.sample_weight == ONE else term.sample_weight,
        course=term.course.describe().strip(" ()"),
    )  # fmt: skip
