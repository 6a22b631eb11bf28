"""python -m uniads.evaluate checkpoint=FILE data=digits part=test: the accuracy of a saved student or teacher."""

from uniads.entry import start


def main() -> None:
    """Load a saved network and score it."""
    start("evaluate")


if __name__ == "__main__":
    main()
