"""python -m uniads.report directory=DIR: the report on a search, or the table of the trainings under a directory."""

from uniads.entry import start


def main() -> None:
    """Report on what a directory holds."""
    start("report")


if __name__ == "__main__":
    main()
