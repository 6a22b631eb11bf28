"""python -m uniads.export ledger=FILE storage=URL: one Optuna study a rung, for optuna-dashboard and importances."""

from uniads.entry import start


def main() -> None:
    """Write the studies."""
    start("export")


if __name__ == "__main__":
    main()
