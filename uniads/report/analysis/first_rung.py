"""How candidates stand after the first rung, which every one of them reaches."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from uniads.search.account import Account
from uniads.search.trial import Status, Trial

Floats = npt.NDArray[np.float64]


def standing(account: Account) -> tuple[list[Trial], Floats]:
    """The candidates of the first rung and the rank of each one's loss, 0 for the lowest, 1 for the highest.

    A rejected candidate stands behind all that completed the rung, level with the other rejected ones; a failed one
    says nothing and is left out. Ranks, since a few losses that nearly diverge would otherwise be all that counts.
    """
    trials = [trial for trial in account.result.trials if trial.rung == 0 and trial.status is not Status.FAILED]
    losses = [trial.values[0] if trial.status is Status.COMPLETED else np.inf for trial in trials]
    ranks = stats.rankdata(losses) - 1
    return trials, np.asarray(ranks / max(len(trials) - 1, 1), dtype=float)
