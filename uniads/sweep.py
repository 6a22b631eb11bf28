"""python -m uniads.sweep +pair=wrn40_2-wrn16_2: W&B sweeps over a search's space, or their results beside its own."""

from uniads.entry import start


def main() -> None:
    """Write the sweeps, or compare their results with a search."""
    start("sweep")


if __name__ == "__main__":
    main()
