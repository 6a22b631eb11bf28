"""Optuna studies of a recorded search."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from uniads.error import UserError
from uniads.export.optuna import export_studies
from uniads.search.account import Account
from uniads.terminal.console import build_console, print_lines


def main(cfg: DictConfig) -> None:
    """Write the studies, and say their names.

    Raises:
        UserError: no ledger is named, or it can't be read, or the storage can't be opened.
    """
    if OmegaConf.is_missing(cfg, "ledger"):
        raise UserError("no ledger is given; add ledger=FILE, the ledger.jsonl of a search")
    file = Path(cfg.ledger)
    names = export_studies(Account.of(file), cfg.storage, cfg.name or file.resolve().parent.name)
    console = build_console()
    for name in names:
        print_lines(console, [f"study {name} in {cfg.storage}"])
