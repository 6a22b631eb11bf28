"""python -m uniads.compare ledger=FILE algorithms=[quick,random] seeds=50: search algorithms on recorded outcomes."""

from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from uniads.command import command


@command("compare")
def main(cfg: DictConfig) -> None:
    """Replay a ledger with every algorithm and seed; nothing is trained."""
    from uniads import comparing

    if OmegaConf.is_missing(cfg, "ledger"):
        raise ValueError("no ledger is given; add ledger=FILE, the ledger.jsonl of a finished search")
    console = Console()
    ground, players = comparing.prepared(cfg, GlobalHydra.instance().config_loader(), console)
    found = comparing.compared(cfg, ground, players)
    comparing.show(cfg, ground, found, Path(HydraConfig.get().runtime.output_dir), console)


if __name__ == "__main__":
    main()
