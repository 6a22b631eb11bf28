"""A report from Python, without the frameworks that train."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path

from uniads.report.search.page import write_report
from uniads.search import NSGA2, Halving, Ledger, Measure, SearchSpace, per_point, search
from uniads.search.account import fingerprint

def evaluate(point, epochs):
    return {"error": point["x"] ** 2 + 1 / epochs, "cost": 1 + abs(point["x"])}

space = SearchSpace({"x": [-2, -1, 0, 1, 2], "color": ["red", "blue"]})
measures = [Measure("error", reference=10), Measure("cost", reference=4)]
ledger = Ledger(Path(sys.argv[1]) / "ledger.jsonl", fingerprint(space, measures))
search(
    space, per_point(space, evaluate), NSGA2(space, population=4), Halving([1, 2], [4, 2]),
    measures=measures, candidates=12, ledger=ledger,
)
ledger.close()
write_report(Path(sys.argv[1]))
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_a_search_of_ones_own_function_is_reported_without_a_framework(tmp_path: Path) -> None:
    frameworks = {"torch", "torchvision", "pytorch_lightning", "hydra", "omegaconf", "wandb", "optuna"}
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "matplotlib" in done.stdout.split()
    assert not frameworks & set(done.stdout.split())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "minimised: error (lower is better) and cost (lower is better)" in text
    trials = (tmp_path / "report" / "trials.csv").read_text(encoding="utf-8")
    assert trials.startswith("candidate,error,cost,epochs,seconds,overrides\n")
    front = (tmp_path / "report" / "front.csv").read_text(encoding="utf-8")
    assert front.startswith("candidate,,error,cost,epochs\n"), "columns that nothing was measured for are left out"
