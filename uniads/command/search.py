"""The search command: its workers import torch while its own process does."""

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from uniads.launcher.worker import import_ahead


def main(cfg: DictConfig) -> None:
    """Search, report, and train the chosen candidate."""
    if HydraConfig.get().runtime.choices["launcher"] == "pool" and cfg.search.objective == "train":
        import_ahead("uniads.bridge.train")
    from uniads.bridge.search_settings import search_settings
    from uniads.command.search_run import run
    from uniads.terminal.console import build_console

    loader = GlobalHydra.instance().config_loader()
    run(search_settings(cfg, loader), loader, build_console())
