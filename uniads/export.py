"""python -m uniads.export ledger=FILE storage=URL: one Optuna study a rung, for optuna-dashboard and importances."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.command import command


@command("export")
def main(cfg: DictConfig) -> None:
    """Write the studies, and say their names."""
    from uniads.report.optuna import export
    from uniads.search.account import Account

    if OmegaConf.is_missing(cfg, "ledger"):
        raise ValueError("no ledger is given; add ledger=FILE, the ledger.jsonl of a search")
    file = Path(cfg.ledger)
    names = export(Account.of(file), cfg.storage, cfg.name or file.resolve().parent.name)
    console = Console()
    for name in names:
        console.print(f"study {name} in {cfg.storage}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
