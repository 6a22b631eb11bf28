"""What a search cost in epochs and in floating-point operations, what it saved, and compared with what."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rich.table import Table
from typing_extensions import Self

from uniads.search import Result, Status, Trial


@dataclass(frozen=True)
class Amount:
    """Training done, or not done.

    Attributes:
        epochs: passes over the training set.
        flops: floating-point operations of the student forward and backward and of the teacher forward.
    """

    epochs: float = 0.0
    flops: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.epochs + other.epochs, self.flops + other.flops)


@dataclass(frozen=True)
class Cost:
    """Where the training went that every candidate would get without halving and rejection.

    spent + halved + rejected + failed = candidates x epochs of the top rung.

    Attributes:
        rungs: spent at each rung, by its epochs; what a candidate had before it came to the rung is not in it.
        halved: saved because candidates that completed a rung were not promoted.
        rejected: saved because candidates were rejected, the rest of the rung and all rungs above.
        failed: not done because candidates failed; their own work is unknown and counts nothing.
        top: each candidate trained to the top rung.
        full: each candidate trained with the full recipe.
        final: the final training, if there was one.
    """

    rungs: Mapping[int, Amount]
    halved: Amount
    rejected: Amount
    failed: Amount
    top: Amount
    full: Amount
    final: Amount

    @property
    def spent(self) -> Amount:
        """Everything that the search trained, each epoch once."""
        return sum(self.rungs.values(), Amount())

    @classmethod
    def of(cls, result: Result, top: int, full: int, final: Amount | None = None) -> Self:
        """The cost of a search.

        A candidate's epoch costs what its trials measured; candidates of which none did count no operations.

        Args:
            result: of the search.
            top: epochs of the highest rung.
            full: epochs of the full recipe.
            final: the final training; None when there was none.
        """
        last = {trial.candidate: trial for trial in sorted(result.first, key=lambda trial: trial.rung)}
        each = {name: _find_epoch_flops(t for t in result.first if t.candidate == name) for name in last}
        trained = dict.fromkeys(last, 0.0)
        for trial in result.first:
            trained[trial.candidate] += trial.epochs_spent

        def add_up(epochs: Callable[[Trial], float], *statuses: Status) -> Amount:
            chosen = [trial for trial in last.values() if trial.status in statuses]
            amounts = (Amount(epochs(t), epochs(t) * each[t.candidate]) for t in chosen)
            return sum(amounts, Amount())

        def count_missing(trial: Trial) -> float:
            return top - trained[trial.candidate]

        return cls(
            rungs=_sum_by_rung(result),
            halved=add_up(count_missing, Status.COMPLETED),
            rejected=add_up(count_missing, Status.REJECTED),
            failed=add_up(count_missing, Status.FAILED),
            top=add_up(lambda trial: top, *Status),
            full=add_up(lambda trial: full, *Status),
            final=final or Amount(),
        )


def _sum_by_rung(result: Result) -> dict[int, Amount]:
    amounts: dict[int, Amount] = {}
    for trial in result.trials:
        amounts[trial.epochs] = amounts.get(trial.epochs, Amount()) + Amount(trial.epochs_spent, trial.flops)
    return dict(sorted(amounts.items()))


def _find_epoch_flops(trials: Iterable[Trial]) -> float:
    return max((trial.outcome.get("epoch_flops", 0.0) for trial in trials), default=0.0)


def build_cost_table(cost: Cost) -> Table:
    """The cost for a terminal. Factors are what each baseline costs relative to the search."""
    table = Table(title="Cost", title_justify="left")
    for name in ("", "epochs", "FLOPs", "factor in epochs", "factor in FLOPs"):
        table.add_column(name, justify="right" if name else "left")
    for epochs, amount in cost.rungs.items():
        table.add_row(f"trained to {epochs} epochs", *_format_amount(amount))
    table.add_row("the search", *_format_amount(cost.spent), end_section=True)
    if cost.final.epochs:
        table.add_row("final training", *_format_amount(cost.final), end_section=True)
    for name, saved in (("halving", cost.halved), ("rejection", cost.rejected), ("failures", cost.failed)):
        table.add_row(f"not trained, by {name}", *_format_amount(saved))
    table.add_section()
    for name, baseline in (("to the top rung", cost.top), ("with the full recipe", cost.full)):
        table.add_row(f"each candidate {name}", *_format_amount(baseline), *_format_factors(baseline, cost.spent))
        if cost.final.epochs:
            table.add_row("  with the final training", "", "", *_format_factors(baseline, cost.spent + cost.final))
    return table


def _format_amount(amount: Amount) -> tuple[str, str]:
    return f"{amount.epochs:,.4g}" if amount.epochs < 1e4 else f"{amount.epochs:,.0f}", f"{amount.flops:.3g}"


def _format_factors(baseline: Amount, spent: Amount) -> tuple[str, str]:
    pairs = ((baseline.epochs, spent.epochs), (baseline.flops, spent.flops))
    epochs, flops = (f"{whole / part:.1f}" if part else "-" for whole, part in pairs)
    return epochs, flops


def describe_cost(result: Result, full_epochs: int, final_epochs: float) -> str:
    """The epochs trained and the factor saved, with the baseline spelled out.

    Args:
        result: of the search.
        full_epochs: length of the full recipe.
        final_epochs: epochs of the final training; 0 when there was none.
    """
    baseline = result.candidates * full_epochs
    spent = result.epochs_spent
    text = (
        f"{result.candidates} candidates cost {spent:.4g} epochs; training each for the recipe's {full_epochs} epochs "
        f"would cost {baseline:,}: a factor of {baseline / spent:.1f}"
    )
    return f"{text} ({baseline / (spent + final_epochs):.1f} with the final training)" if final_epochs else text
