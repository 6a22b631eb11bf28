"""Search a function of your own: the engine needs neither torch nor Hydra.

NSGA-II searches the depth and width of an imaginary network, and a learning rate. The function answers for a point and
a number of epochs; the search gives few epochs to many points, and many epochs to the few that do best.

    python examples/search_function.py
"""

from math import log10

from uniads.search import NSGA2, Halving, Measure, Point, SearchSpace, per_point, search

SPACE = SearchSpace({"depth": [8, 14, 20, 32], "width": [0.5, 1.0, 1.5, 2.0], "lr": [0.001, 0.01, 0.1, 1.0]})


def evaluate(point: Point, epochs: int) -> dict[str, float]:
    """A loss that falls with size and epochs, and that a wrong learning rate spoils."""
    params = 1_000 * float(point["depth"]) * float(point["width"]) ** 2
    loss = 4 / log10(params) + 0.2 * abs(log10(float(point["lr"])) + 1.5) + 1 / (1 + epochs)
    return {"val_loss": loss, "params": params}


def main() -> None:
    """Search, and print the front: no other candidate has both a smaller loss and fewer parameters."""
    measures = [Measure("val_loss"), Measure("params")]
    schedule = Halving([1, 3, 9], [8, 4, 2])
    result = search(SPACE, per_point(SPACE, evaluate), NSGA2(SPACE, seed=1), schedule, measures=measures, candidates=40)
    print(f"{result.candidates} of {SPACE.size} candidates tried in {result.epochs_spent:.0f} epochs")
    for trial in sorted(result.front, key=lambda trial: trial.outcome["params"]):
        loss, params = trial.outcome["val_loss"], trial.outcome["params"]
        print(f"{params:>9,.0f} parameters, loss {loss:.3f}: {SPACE.point(trial.genome)}")


if __name__ == "__main__":
    main()
