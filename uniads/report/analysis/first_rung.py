"""The ranks of all candidates after the first rung, the only one that each of them reaches."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from uniads.search.account import Account
from uniads.search.trial import Status, Trial

Floats = npt.NDArray[np.float64]


def rank_first_rung(account: Account) -> tuple[list[Trial], Floats]:
    """The candidates of the first rung, and the rank of each one's loss from 0 (lowest) to 1 (highest).

    Rejected candidates share one rank behind all that completed the rung. Failed ones have no loss and are left out.
    Ranks are used because a few losses that nearly diverge would outweigh all differences between the others.
    """
    trials = [trial for trial in account.result.first if trial.rung == 0 and trial.status is not Status.FAILED]
    losses = [trial.values[0] if trial.status is Status.COMPLETED else np.inf for trial in trials]
    ranks = stats.rankdata(losses) - 1
    return trials, np.asarray(ranks / max(len(trials) - 1, 1), dtype=float)
