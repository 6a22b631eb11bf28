"""python -m uniads.search +pair=wrn40_2-wrn16_2: search a student and its distillation, then train the best in full."""

from uniads.entry import start


def main() -> None:
    """Search, report, and train the chosen candidate."""
    start("search")


if __name__ == "__main__":
    main()
