"""The report on one search: everything in it follows from the ledger, and from what the search left beside it.

It needs neither Hydra nor torch, so it also reports on a search of any other function:

    from uniads.report.search.page import write_report

    write_report(directory)  # holds the ledger.jsonl of uniads.search.search(..., ledger=Ledger(file, facts))
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from uniads.bridge.loss_formula import LossFormula
from uniads.bridge.reproduce import find_config_dir
from uniads.report.analysis.frequency import build_frequency_sheet, count_values, draw_frequency_figure
from uniads.report.analysis.guidance import write_guidance
from uniads.report.analysis.importance import build_importance_sheet, draw_importance_figure, measure_importances
from uniads.report.analysis.rank_correlation import (
    HALVING_NOTE,
    build_rank_correlation_sheet,
    draw_rank_correlation_figure,
)
from uniads.report.analysis.shrinkage import build_shrinkage_sheet, draw_shrinkage_figure, find_weighted_genes
from uniads.report.element import html
from uniads.report.element.section import Section
from uniads.report.search.candidate import (
    describe_measure,
    list_student_settings,
    show_number,
    spell_candidate,
)
from uniads.report.search.convergence import build_convergence_sheet, draw_convergence_figure, trace_convergence
from uniads.report.search.cost import describe_cost
from uniads.report.search.loss_graph import draw_loss_figure
from uniads.report.search.overview import build_overview, read_final
from uniads.report.search.pareto import build_front_sheet, draw_pareto_figure, list_commands, list_hover_texts
from uniads.report.search.rung_total import build_rung_total_sheet
from uniads.search import Trial
from uniads.search.account import Account
from uniads.search.fidelity import rank_correlation, verdict
from uniads.terminal import table
from uniads.terminal.text import shorten_text
from uniads.terminal.trial import is_predicted, read_number

DescribeLoss = Callable[[Account, Trial], LossFormula | None]
"""Gives what a candidate of a search minimises; None where that is unknown."""


def write_report(directory: Path, describe_loss: DescribeLoss | None = None) -> Path:
    """Write the report on the search of a directory, from its ``ledger.jsonl`` and the files beside it.

    Args:
        directory: of the search.
        describe_loss: gives the best candidate's loss, for a formula and a graph; None to leave them out.

    Returns:
        The path of ``report.html``.

    Raises:
        UserError: there is no ledger, or it is damaged or empty.
    """
    account = Account.of(directory / "ledger.jsonl")
    sections = list(build_sections(account, describe_loss))
    page = html.write_page(build_title(account), sections, directory, _build_footer(account))
    table.write_csv(account.result.trials, directory / "report" / "trials.csv", table.list_numbers(account.result))
    return page


def build_title(account: Account) -> str:
    """What was searched."""
    facts = account.facts
    if not {"pair", "data"} <= facts.keys():
        return "Search"
    return f"Search of {shorten_text(str(facts['pair']))} on {shorten_text(str(facts['data']))}"


def build_sections(account: Account, describe_loss: DescribeLoss | None) -> Iterator[Section]:
    """The parts; those about completed trials only where there are any."""
    yield build_overview(account)
    summary = _summarise(account)
    if account.completed:
        yield _build_front_section(account, summary)
        yield _build_best_section(account, describe_loss)
        yield from _build_convergence_sections(account)
    else:
        yield Section("front", "Pareto front", (summary, "No trial was completed, so there is no front."))
    yield from _build_analysis_sections(account)
    yield Section("cost", "Cost", tuple(_describe_epochs(account)), sheet=build_rung_total_sheet(account))


def _summarise(account: Account) -> str:
    result = account.result
    measures = " and ".join(describe_measure(measure) for measure in result.measures)
    stops = ", ".join(str(epochs) for epochs in account.facts.get("rung_epochs", account.rung_epochs.values()))
    genes, size = len(account.space.dimensions), account.space.size
    return (
        f"{_count(result.candidates, 'candidate')}, judged after epoch {stops} on the validation split; "
        f"minimised: {measures}. {_count(genes, 'gene')}, {size:.3g} combinations before repair."
    )


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _build_front_section(account: Account, summary: str) -> Section:
    result = account.result
    pictured = len(result.measures) > 1
    notes = [summary]
    if result.front:
        notes.append(f"{table.explain_marks(result)}.")
    if any(map(is_predicted, result.front)):
        notes.append("predicted: a surrogate made the numbers up; a training need not repeat them.")
    config_dir = find_config_dir(account.file.parent)
    return Section(
        "pareto",
        "Pareto front",
        tuple(f"{note[0].upper()}{note[1:]}" for note in notes),
        figure=draw_pareto_figure(result, build_title(account)) if pictured else None,
        sheet=build_front_sheet(result),
        hover=list_hover_texts(result) if pictured else {},
        folds=list_commands(result, lambda trial: spell_candidate(account, trial, config_dir)),
    )


def _build_best_section(account: Account, describe_loss: DescribeLoss | None) -> Section:
    best = account.result.best
    if best is None:
        return Section("best", "Best candidate", ("No candidate was completed at the top rung yet.",))
    numbers = [(m.name, read_number(best, m.name)) for m in account.result.measures]
    shown = ", ".join(f"{name} {show_number(number)}" for name, number in numbers if number is not None)
    predicted = ", as a surrogate predicts it" if is_predicted(best) else ""
    marks = table.explain_marks(account.result, with_knee=False)
    note = f"{best.candidate}, after epoch {best.epochs}{predicted}: {shown}. {marks[0].upper()}{marks[1:]}."
    command = spell_candidate(account, best, find_config_dir(account.file.parent))
    loss = describe_loss(account, best) if describe_loss else None
    if loss is None:
        return Section("best", "Best candidate", (note,), (command,))
    figure = draw_loss_figure(loss, list_student_settings(best), f"The loss of {best.candidate}")
    return Section("best", "Best candidate", (note,), (f"loss = {loss.text}", command), figure)


def _build_convergence_sections(account: Account) -> Iterator[Section]:
    progress = trace_convergence(account.result)
    if progress:
        figure, sheet = draw_convergence_figure(progress, account.result), build_convergence_sheet(progress)
        yield Section("curve", "Search curves", figure=figure, sheet=sheet, folded=True)


def _build_analysis_sections(account: Account) -> Iterator[Section]:
    importances, tallies = measure_importances(account), count_values(account)
    hint = "Later generations descend from the best of the earlier ones, so these are associations, not effects."
    yield Section("guidance", "Guidance", (*write_guidance(account, importances, tallies), hint))
    if importances:
        figure, sheet = draw_importance_figure(account, importances), build_importance_sheet(account, importances)
        note = "The mark is what a gene stays below in 95 % of the draws in which the losses are dealt out anew."
        yield Section("importance", "Importance", (note,), figure=figure, sheet=sheet, folded=True)
    figure, sheet = draw_frequency_figure(account, tallies), build_frequency_sheet(account, tallies)
    yield Section("frequency", "Operator frequencies", figure=figure, sheet=sheet, folded=True)
    if find_weighted_genes(account):
        figure, sheet = draw_shrinkage_figure(account), build_shrinkage_sheet(account)
        yield Section("shrinkage", "Shrinkage", figure=figure, sheet=sheet, folded=True)
    if len(account.rung_epochs) > 1:
        yield _build_rank_correlation_section(account)


def _build_rank_correlation_section(account: Account) -> Section:
    correlations = rank_correlation(account.result.trials)
    conclusion = verdict(correlations)
    return Section(
        "rank",
        "Rank correlation between rungs",
        (f"{conclusion[0].upper()}{conclusion[1:]}.", HALVING_NOTE),
        figure=draw_rank_correlation_figure(account, correlations) if correlations else None,
        sheet=build_rank_correlation_sheet(correlations),
    )


def _describe_epochs(account: Account) -> Iterator[str]:
    if "recipe_epochs" in account.facts and account.result.epochs_spent > 0:
        epochs = read_final(account.file.parent).get("epochs", 0)
        yield f"{describe_cost(account.result, account.facts['recipe_epochs'], epochs)}."


def _build_footer(account: Account) -> str:
    version = account.facts.get("version")
    source = f" of uniads {shorten_text(str(version))}" if version else ""
    return f"Written from the {account.file.name}{source}; python -m uniads.report directory=DIR writes it again."
