"""python -m uniads.search +pair=wrn40_2-wrn16_2: search a student and its distillation, then train the best in full."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from uniads.command import command
from uniads.launcher.worker import import_ahead


@command("search")
def main(cfg: DictConfig) -> None:
    """Search, report, and train the chosen candidate."""
    if HydraConfig.get().runtime.choices["launcher"] == "pool" and cfg.search.objective == "train":
        import_ahead("uniads.fit")
    from uniads.searching import conduct

    conduct(cfg)


if __name__ == "__main__":
    main()
