"""W&B sweeps over the space of a search, with the same epochs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from uniads.search import Schedule, SearchSpace

OBJECTIVE = "objective"
"""What ``callback=sweep`` logs once an epoch."""


def build_sweeps(
    space: SearchSpace,
    schedule: Schedule,
    candidates: int,
    overrides: Sequence[str],
    target: int,
    seed: int,
    directory: Path,
) -> dict[str, dict[str, Any]]:
    """A random sweep, and a Bayesian one that Hyperband cuts short, as W&B reads them.

    The random one has as many runs as the search's epochs pay for in full. The Bayesian one has as many runs as the
    search has candidates; how long each lives is Hyperband's choice, so compare at equal epochs.

    Args:
        space: where to search. W&B knows no repair: a combination that is illegal ends its run with an error.
        schedule: its top rung is the length of every run, its lowest the first at which Hyperband stops any.
        candidates: of the search.
        overrides: what all trainings share.
        target: wanted parameters.
        seed: of all runs, so that they see the same images in the same order.
        directory: where the runs append what ``python -m uniads.sweep sweep.results=`` reads.
    """
    rungs = [rung.epochs for rung in schedule.rungs]
    steps = max(len(rungs) - 1, 1)
    ratio = max(2, round((rungs[-1] / rungs[0]) ** (1 / steps)))
    hyperband = {"type": "hyperband", "min_iter": rungs[0], "eta": ratio}

    def build_sweep(name: str, method: str, runs: int) -> dict[str, Any]:
        fixed = [
            f"epochs={rungs[-1]}", f"seed={seed}", f"data.seed={seed}", "test=false", "callback=sweep",
            f"callback.sweep.target={target}", f"callback.sweep.file='{directory.resolve() / name}.jsonl'",
        ]  # fmt: skip
        return {
            "program": "uniads.train",
            "method": method,
            "metric": {"name": OBJECTIVE, "goal": "minimize"},
            "run_cap": runs,
            "parameters": {d.key: {"values": list(d.values)} for d in space.dimensions},
            "command": ["${env}", "${interpreter}", "-m", "uniads.train", *overrides, *fixed, "${args_no_hyphens}"],
        }

    paid_runs = max(1, schedule.cost(candidates) // rungs[-1])
    return {
        "random": build_sweep("random", "random", paid_runs),
        "bayes": {**build_sweep("bayes", "bayes", candidates), "early_terminate": hyperband},
    }


def write_sweeps(sweeps: Mapping[str, Mapping[str, Any]], directory: Path) -> list[Path]:
    """Write the sweeps as ``<name>.yaml``."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in sweeps.items():
        paths.append(directory / f"{name}.yaml")
        text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
        paths[-1].write_text(f"# wandb sweep {name}.yaml\n{text}", encoding="utf-8")
    return paths
