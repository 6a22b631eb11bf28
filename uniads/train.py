"""python -m uniads.train +pair=wrn40_2-wrn16_2 distiller=kd: one training, a baseline or a searched candidate."""

from omegaconf import DictConfig

from uniads.command import command


@command("train")
def main(cfg: DictConfig) -> None:
    """Train one student."""
    from rich.console import Console

    from uniads.single import train

    train(cfg, Console())


if __name__ == "__main__":
    main()
