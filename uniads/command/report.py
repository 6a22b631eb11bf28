"""The report on what a directory holds: a search, or trainings."""

from functools import partial
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from uniads.bridge.candidate_loss import describe_candidate_loss
from uniads.report.search.page import write_report
from uniads.report.trainings import write_trainings
from uniads.terminal.console import build_console, print_lines


def main(cfg: DictConfig) -> None:
    """Report on a search, or make the table of the trainings under a directory.

    Raises:
        UserError: the directory holds neither.
    """
    directory, console = Path(cfg.directory), build_console()
    if (directory / "ledger.jsonl").exists():
        page = write_report(directory, partial(describe_candidate_loss, GlobalHydra.instance().config_loader()))
        print_lines(console, [f"report: {page}"])
        return
    sheets = write_trainings(directory)
    for sheet in sheets:
        print_lines(console, [sheet.to_markdown()])
    print_lines(console, [f"as CSV, Markdown and LaTeX: {directory / 'report'}"])
