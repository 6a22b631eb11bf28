"""The engine as a library: any function or table is searched, with neither torch nor Hydra."""

import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import uniads.search
from uniads.error import UserError
from uniads.search import Full, Ledger, Measure, Point, Random, SearchSpace, Status, Trial, per_point, search

SCRIPT = """
import sys
from pathlib import Path

from uniads.search import NSGA2, Halving, Ledger, Measure, Rejection, SearchSpace, Shrinkage, per_point, search
from uniads.search import Record, Replay
from uniads.search.replay.known import known_students

space = SearchSpace(
    {"student.depth": [2, 4, 8], "student.width": [1, 2, 4], "loss": ["a", "b", "c"], "rate": [0.1, 0.2, 0.5]}
)
TABLE = {
    (tuple(space.point(genome).values()), epochs): {
        "val_loss": (1 + "abc".index(space.point(genome)["loss"])) / epochs / space.point(genome)["student.depth"],
        "params": space.point(genome)["student.depth"] * space.point(genome)["student.width"] ** 2,
    }
    for genome in space.every() for epochs in (1, 3, 9)
}
objective = per_point(space, lambda point, epochs: TABLE[tuple(point.values()), epochs])
measures = (Measure("val_loss"), Measure("params", target=64))
header = {"space": {d.key: list(d.values) for d in space.dimensions},
          "measures": {"loss": {"name": "val_loss", "target": None}, "size": {"name": "params", "target": 64}}}
ledger = Ledger(Path(sys.argv[1]), header)
result = search(space, objective, NSGA2(space, seed=1), Halving([1, 3, 9], [20, 20, 20]), measures=measures,
                candidates=60, rejection=Rejection(mad_factor=50), shrinkage=Shrinkage(), ledger=ledger)
ledger.close()
assert result.best.outcome["params"] <= 64

record = Record.of(Path(sys.argv[1]))
surrogate = record.surrogate()
known = known_students(record, surrogate)
again = search(known, Replay(record, known, surrogate), NSGA2(known, seed=2), Halving([1, 3, 9], [12, 6, 3]),
               measures=record.measures, candidates=60)
assert again.candidates == 60
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_the_example_in_the_packages_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = doctest.testmod(uniads.search)
    assert done.attempted >= 12
    assert done.failed == 0


def test_the_public_names_are_listed_documented_and_importable() -> None:
    names = uniads.search.__all__
    assert len(names) == len(set(names)) > 30
    everything: dict[str, Any] = {}
    exec("from uniads.search import *", everything)
    for name in names:
        public = everything[name]
        assert not inspect.isclass(public) or public.__doc__, name
        assert not inspect.isfunction(public) or public.__doc__, name
    imported = {name for name, value in vars(uniads.search).items() if not inspect.ismodule(value)}
    assert {name for name in imported if not name.startswith("_")} == set(names)


@pytest.mark.parametrize("error", [UserError("no such file"), ValueError("bad"), MemoryError("full")])
def test_an_error_of_a_function_of_a_point_fails_one_trial(error: Exception) -> None:
    space = SearchSpace({"x": [1, 2, 3]})

    def evaluate(point: Point, epochs: int) -> Mapping[str, float]:
        if point["x"] == 2:
            raise error
        return {"val_loss": float(str(point["x"]))}

    measures = [Measure("val_loss")]
    result = search(space, per_point(space, evaluate), Random(space), Full(1, 3), measures=measures, candidates=3)
    reasons = {trial.genome[0]: trial.reason for trial in result.trials}
    assert reasons == {0: "", 1: f"{type(error).__name__}: {error}", 2: ""}


def test_a_user_error_of_an_objective_ends_the_search_with_its_own_message() -> None:
    """Only the objective knows that no trial can be answered, such as beyond the rungs of a recorded ledger."""
    space = SearchSpace({"x": [1, 2, 3]})

    def objective(trials: Sequence[Trial]) -> Iterator[Trial]:
        yield trials[0].completed({"val_loss": 1.0})
        raise UserError("the ledger can't answer for 8 epochs")

    ledger = Ledger()
    with pytest.raises(UserError, match="can't answer for 8 epochs"):
        search(
            space, objective, Random(space), Full(8, 3), measures=[Measure("val_loss")], candidates=3, ledger=ledger
        )  # fmt: skip
    assert [trial.status for trial in ledger.trials] == [Status.COMPLETED]


def test_a_search_of_a_table_and_its_replay_load_neither_torch_nor_hydra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "ledger.jsonl")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"uniads", "sklearn", "numpy"} <= loaded
    assert not {"torch", "hydra", "omegaconf", "pytorch_lightning", "wandb", "matplotlib"} & loaded
