"""The report on one search: everything in it follows from the ledger."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from uniads.bridge.loss_formula import LossFormula
from uniads.report.analysis.fidelity import NOTE, rank_figure, rank_sheet
from uniads.report.analysis.frequency import frequency_figure, frequency_sheet, tallies
from uniads.report.analysis.guidance import guidance
from uniads.report.analysis.importance import importance_figure, importance_sheet, importances
from uniads.report.analysis.shrinkage import moved, shrinkage_figure, shrinkage_sheet
from uniads.report.page import html
from uniads.report.page.section import Section
from uniads.report.search.candidate import list_student_settings, spell_candidate
from uniads.report.search.cost import cost_sentence
from uniads.report.search.curve import curve_figure, curve_sheet, steps
from uniads.report.search.graph import graph_figure
from uniads.report.search.pareto import front_sheet, pareto_figure
from uniads.report.search.spent import spent_sheet
from uniads.search.account import Account
from uniads.search.fidelity import rank_correlation, verdict
from uniads.search.trial import Trial
from uniads.terminal import table

DescribeLoss = Callable[[Account, Trial], LossFormula | None]
"""Says what a candidate of a search minimises; None where that is unknown."""


def write_report(directory: Path, describe_loss: DescribeLoss | None = None) -> Path:
    """Write the report on the search of a directory, from its ``ledger.jsonl``.

    Args:
        directory: of the search.
        describe_loss: gives the best candidate's loss, for a formula and a graph; None to leave them out.

    Returns:
        The path of ``report.html``.

    Raises:
        UserError: there is no ledger, or it is damaged or empty.
    """
    account = Account.of(directory / "ledger.jsonl")
    page = html.write(title(account), list(sections(account, describe_loss)), directory, _footer(account))
    table.write_csv(account.result.trials, directory / "report" / "trials.csv")
    return page


def title(account: Account) -> str:
    """What was searched."""
    facts = account.facts
    return f"Search of {facts['pair']} on {facts['data']}" if {"pair", "data"} <= facts.keys() else "Search"


def sections(account: Account, describe_loss: DescribeLoss | None) -> Iterator[Section]:
    """The parts; those about completed trials only where there are any."""
    result = account.result
    if not account.completed:
        yield Section("front", "Pareto front", (_summary(account), "No trial was completed, so there is no front."))
    else:
        flat = len(result.measures) < 2
        picture = None if flat else pareto_figure(result, title(account))
        yield Section("pareto", "Pareto front", (_summary(account),), figure=picture, sheet=front_sheet(result))
        yield from _best(account, describe_loss)
        found = steps(result)
        if found:
            picture, sheet = curve_figure(found, result), curve_sheet(found)
            yield Section("curve", "Search curves", figure=picture, sheet=sheet, folded=True)
    yield from _analysis(account)
    yield Section("cost", "Cost", tuple(_cost(account)), sheet=spent_sheet(account))


def _summary(account: Account) -> str:
    result = account.result
    measures = " and ".join(
        m.name if m.target is None else f"distance of {m.name} from {m.target:,.6g}" for m in result.measures
    )
    stops = ", ".join(str(epochs) for epochs in account.facts.get("rung_epochs", account.epochs.values()))
    return (
        f"{result.candidates} candidates, judged after epoch {stops} on the validation split; minimised: {measures}. "
        f"{len(account.space.dimensions)} genes, {account.space.size:.3g} combinations before repair."
    )


def _best(account: Account, describe_loss: DescribeLoss | None) -> Iterator[Section]:
    best = account.result.best
    if best is None:
        yield Section("best", "Best candidate", ("No candidate was completed at the top rung yet.",))
        return
    loss = describe_loss(account, best) if describe_loss else None
    numbers = ", ".join(f"{m.name} {m.number(best.outcome):,.6g}" for m in account.result.measures)
    notes = [f"{best.candidate}, after epoch {best.epochs}: {numbers}. Of the front, the lowest first measure within "
             "every target, or the nearest to the targets."]  # fmt: skip
    code = [spell_candidate(account, best)]
    if loss:
        code.insert(0, f"loss = {loss.text}")
    picture = graph_figure(loss, list_student_settings(best), f"The loss of {best.candidate}") if loss else None
    yield Section("best", "Best candidate", tuple(notes), tuple(code), picture)


def _analysis(account: Account) -> Iterator[Section]:
    genes, counts = importances(account), tallies(account)
    hint = "Later generations descend from the best of the earlier ones, so these are associations, not effects."
    yield Section("guidance", "Guidance", (*guidance(account, genes, counts), hint))
    if genes:
        picture, sheet = importance_figure(account, genes), importance_sheet(account, genes)
        note = "The mark is what a gene stays below in 95 % of the draws in which the losses are dealt out anew."
        yield Section("importance", "Importance", (note,), figure=picture, sheet=sheet, folded=True)
    picture, sheet = frequency_figure(account, counts), frequency_sheet(account, counts)
    yield Section("frequency", "Operator frequencies", figure=picture, sheet=sheet, folded=True)
    if moved(account):
        picture, sheet = shrinkage_figure(account), shrinkage_sheet(account)
        yield Section("shrinkage", "Shrinkage", figure=picture, sheet=sheet, folded=True)
    pairs = rank_correlation(account.result.trials)
    if len(account.epochs) > 1:
        drawn = rank_figure(account, pairs) if pairs else None
        said = verdict(pairs)
        notes = (f"{said[0].upper()}{said[1:]}.", NOTE)
        yield Section("rank", "Rank correlation between rungs", notes, figure=drawn, sheet=rank_sheet(pairs))


def _cost(account: Account) -> Iterator[str]:
    if "recipe_epochs" in account.facts and account.result.epochs > 0:
        file = account.file.parent / "final" / "outcome.json"
        final = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        yield f"{cost_sentence(account.result, account.facts['recipe_epochs'], final.get('epochs', 0))}."


def _footer(account: Account) -> str:
    version = account.facts.get("version")
    source = f" of uniads {version}" if version else ""
    return f"Written from the {account.file.name}{source}; python -m uniads.report directory=DIR writes it again."
