"""The engine as a library: any table, neither torch nor Hydra."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import uniads.search

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


def test_the_example_in_the_packages_documentation_runs() -> None:
    lines = uniads.search.__doc__.splitlines()
    example = "\n".join(line.removeprefix("    ") for line in lines if line.startswith("    "))
    every = itertools.product([2, 4, 8], [1, 2, 4], ["kl", "l2"], [1, 3, 9])
    table = {((*point,), epochs): {"val_loss": 1 / epochs, "params": point[0]} for *point, epochs in every}
    names: dict[str, Any] = {"TABLE": table}
    exec(example, names)
    assert names["result"].candidates == 12


def test_a_search_of_a_table_and_its_replay_load_neither_torch_nor_hydra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "ledger.jsonl")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"uniads", "sklearn", "numpy"} <= loaded
    assert not {"torch", "hydra", "omegaconf", "pytorch_lightning", "wandb", "matplotlib"} & loaded
