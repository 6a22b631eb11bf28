"""The best candidate's loss, from its overrides."""

from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from uniads.distiller.base import Distiller
from uniads.search.account import Account
from uniads.search.trial import Trial


@dataclass(frozen=True)
class Term:
    """One term of a composed distiller: a node, or a module with a formula of its own.

    Attributes:
        name: of the term.
        source: feature, embedding or logits; the class of a module.
        steps: names of its transforms, identities left out.
        distance: name of its distance; empty for a module.
        weight: of the term.
        tau: its temperature.
    """

    name: str
    source: str
    steps: tuple[str, ...]
    distance: str
    weight: float
    tau: float


@dataclass(frozen=True)
class Loss:
    """What a candidate minimises.

    Attributes:
        formula: in one line.
        task: weight of the cross-entropy.
        terms: its nodes; none where the distiller is not composed of nodes.
    """

    formula: str
    task: float
    terms: tuple[Term, ...]


def loss_of(trial: Trial, account: Account, loader: ConfigLoader | None) -> Loss | None:
    """The loss of a candidate; None where its overrides are not those of a training that can be composed here."""
    if loader is None or "overrides" not in account.facts:
        return None
    try:
        cfg = loader.load_configuration("train", [*account.facts["overrides"], *trial.overrides], RunMode.RUN)
        distiller: Distiller = instantiate(cfg.distiller)
    except (HydraException, OmegaConfBaseException, ValueError):
        return None
    nodes = {str(name): node for name, node in cfg.distiller.items() if isinstance(node, DictConfig)}
    terms = tuple(_term(name, node) for name, node in nodes.items() if node.get("weight"))
    return Loss(distiller.formula(), float(distiller.task), terms)


def _term(name: str, node: DictConfig) -> Term:
    if "source" not in node:
        return Term(name, node._target_.rpartition(".")[2], (), "", float(node.weight), 1.0)
    steps = [step._target_.rpartition(".")[2] for step in node.transform.values()]
    distance = node.distance._target_.rpartition(".")[2]
    kept = tuple(step for step in steps if step != "Identity")
    return Term(name, node.source, kept, distance, float(node.weight), float(node.tau))


def command(trial: Trial, account: Account) -> list[str]:
    """Overrides that train a candidate again, pasted after ``python -m uniads.train``; none where none are known."""
    facts = account.facts
    if "overrides" not in facts:
        return []
    stop = [] if trial.epochs == account.length else [f"stop_epoch={trial.epochs}"]
    data_seed = facts.get("data_seed", facts.get("seed", 0))
    seeds = (f"seed={trial.seed}", f"data.seed={data_seed}")
    return [*facts["overrides"], *trial.overrides, *seeds, f"epochs={account.length}", *stop, "test=false"]


def architecture(trial: Trial) -> list[str]:
    """The overrides that set the student, the group's name left out."""
    return [item.removeprefix("student.") for item in trial.overrides if item.startswith("student.")]
