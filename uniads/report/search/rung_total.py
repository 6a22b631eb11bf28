"""What each rung cost in all."""

from uniads.report.element.sheet import Sheet
from uniads.search.account import Account
from uniads.search.trial import Status

ENDINGS = (Status.COMPLETED, Status.REJECTED, Status.FAILED)
"""How a trial can end; each has a column."""


def build_rung_total_sheet(account: Account) -> Sheet:
    """Trials, epochs, operations and seconds by rung; a resumed candidate's earlier epochs count at their rung."""
    rows = []
    for rung, epochs in account.rung_epochs.items():
        trials = [trial for trial in account.result.trials if trial.rung == rung]
        counts = [sum(trial.status is status for trial in trials) for status in ENDINGS]
        spent = (sum(t.epochs_spent for t in trials), sum(t.flops for t in trials), sum(t.seconds for t in trials))
        rows.append((epochs, len(trials), *counts, *spent))
    totals = [sum(row[position] for row in rows) for position in range(1, 8)]
    columns = ("to epoch", "trials", *(status.value for status in ENDINGS), "epochs", "FLOPs", "seconds")
    return Sheet("cost", "What each rung cost", columns, [*rows, ("all", *totals)])
