"""python -m uniads.train +pair=wrn40_2-wrn16_2 distiller=kd: one training, a baseline or a searched candidate."""

from uniads.entry import start


def main() -> None:
    """Train one student."""
    start("train")


if __name__ == "__main__":
    main()
