"""W&B sweeps over a search's space, or their results beside those of a search."""

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from uniads.bridge.search_settings import search_settings
from uniads.command.search_setup import build_setup
from uniads.error import UserError
from uniads.export.sweep import build_sweeps, write_sweeps
from uniads.report.comparison.equal_epochs import build_equal_epochs_sheet, read_search_trainings, read_sweep_trainings
from uniads.search.account import Account
from uniads.terminal.console import build_console, print_lines


def main(cfg: DictConfig) -> None:
    """Write the sweeps; with ``sweep.ledger`` and ``sweep.results`` compare instead.

    Raises:
        UserError: the space can't be searched, or a file of results can't be read.
    """
    console, directory = build_console(), Path(HydraConfig.get().runtime.output_dir)
    if cfg.sweep.ledger or cfg.sweep.results:
        if not (cfg.sweep.ledger and cfg.sweep.results):
            raise UserError("a comparison needs both sweep.ledger=FILE and sweep.results=[FILE,...]")
        account = Account.of(Path(cfg.sweep.ledger))
        files = {str(file): read_sweep_trainings(Path(file), account.schedule_epochs) for file in cfg.sweep.results}
        sheet = build_equal_epochs_sheet(
            account.result.measures, account.schedule_epochs, {"search": read_search_trainings(account), **files}
        )
        sheet.write(directory)
        print_lines(console, [sheet.to_markdown()])
        return
    loader = GlobalHydra.instance().config_loader()
    settings = search_settings(cfg, loader)
    setup = build_setup(settings, loader)
    made = build_sweeps(
        setup.space, settings.schedule, settings.candidates, settings.overrides, setup.target, cfg.seed, directory
    )
    for path in write_sweeps(made, directory):
        print_lines(console, [f"wandb sweep {path}"])
