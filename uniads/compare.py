"""python -m uniads.compare ledger=FILE algorithms=[quick,random] seeds=50: search algorithms on recorded outcomes."""

from uniads.entry import start


def main() -> None:
    """Replay a ledger with every algorithm and seed; nothing is trained."""
    start("compare")


if __name__ == "__main__":
    main()
