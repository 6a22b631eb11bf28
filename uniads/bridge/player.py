"""A search that takes part in a comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from hydra.utils import instantiate

from uniads.bridge.training_settings import blueprint, make_optional, plain
from uniads.error import UserError
from uniads.schema.check import check_search
from uniads.schema.ignored import check_ignored
from uniads.search import Algorithm, Rejection, Schedule, Shrinkage
from uniads.settings.blueprint import Blueprint


@dataclass(frozen=True)
class Player:
    """A search by its budget and algorithm; the space, the objective and the measures are the comparison's.

    Attributes:
        name: how it is called.
        candidates: how many it asks for in a search of its own.
        algorithm: makes, with a ``seed``, what makes the algorithm for a space.
        schedule: its rungs, moved to those of the ledger.
        rejection: of outliers; None for none.
        shrinkage: of sampling weights; None for none.
    """

    name: str
    candidates: int
    algorithm: Blueprint[Callable[..., Algorithm]]
    schedule: Schedule
    rejection: Rejection | None
    shrinkage: Shrinkage | None


def build_player(text: str, rungs: Sequence[int], loader: ConfigLoader) -> Player:
    """Compose a search.

    Args:
        text: an option of ``conf/search``; overrides of its own may follow, and a name and a colon precede.
        rungs: epochs of the ledger's rungs.
        loader: finds the option.

    Raises:
        UserError: it names no search, or has more rungs than the ledger, or settings that nothing reads.
    """
    name, _, settings = text.rpartition(": ")
    if not settings.split():
        raise UserError(
            f"algorithms lists {text!r}, which names no search; write an option of conf/search, such as quick"
        )
    option, *overrides = settings.split()
    name = name or text
    cfg = loader.load_configuration("compare", [f"+search={option}", *overrides], RunMode.RUN)
    check_search(cfg)
    search = cfg.search
    check_ignored(search, [override.partition("=")[0].lstrip("+~") for override in overrides])
    own, recorded = list(search.rungs), list(rungs)
    if len(own) > len(recorded):
        raise UserError(
            f"{name} has {len(own)} rungs, the ledger {len(recorded)} ({recorded}); give it fewer, such as "
            f"algorithms=['{option} search.rungs={recorded} search.quotas=...']"
        )
    moved = [recorded[round(at * (len(recorded) - 1) / max(len(own) - 1, 1))] for at in range(len(own))]
    schedule = plain(search.schedule)
    if "rungs" in schedule:
        schedule["rungs"] = moved
    if "epochs" in schedule:
        schedule["epochs"] = dict(zip(own, moved, strict=True)).get(schedule["epochs"], recorded[-1])
    if "eta" in schedule and len(recorded) > 1:
        schedule["eta"] = max(2, round((recorded[-1] / recorded[0]) ** (1 / (len(recorded) - 1))))
    return Player(
        name=name,
        candidates=search.candidates,
        algorithm=blueprint(search.algorithm, "search.algorithm"),
        schedule=instantiate(schedule, _convert_="all"),
        rejection=make_optional(search.rejection, "search.rejection"),
        shrinkage=make_optional(search.shrinkage, "search.shrinkage"),
    )
