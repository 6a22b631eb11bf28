"""A search: its workers import torch while its own process does."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from uniads.launcher.worker import import_ahead


def main(cfg: DictConfig) -> None:
    """Search, report, and train the chosen candidate."""
    if HydraConfig.get().runtime.choices["launcher"] == "pool" and cfg.search.objective == "train":
        import_ahead("uniads.training.fit")
    from uniads.command.search_run import conduct

    conduct(cfg)
