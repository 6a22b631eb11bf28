"""A whole search of cheap jobs on a real launcher. Run as a script, this file is the victim of kills."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.launcher.jobs import job
from uniads.bridge.launch import Launch
from uniads.options import conf_dir
from uniads.search import NSGA2, Halving, Ledger, Measure, Result, SearchSpace, search
from uniads.search.trial import Trial

PAIR = ("+pair=resnet56-resnet20", "data=fake", "logger=csv")
SPACE = SearchSpace({"recipe.lr": [0.1, 0.2, 0.3, 0.4], "recipe.batch_size": [8, 16, 32]})
MEASURES = (Measure("val_loss", reference=3.0), Measure("params", reference=100.0))


def trials_of(*faults: str | None) -> list[Trial]:
    """One pending trial for each fault; None is a good job."""
    return [
        Trial(f"c{number:04d}", (number,), () if name is None else (f"+fault={name}",), 0, 0, 1, 100 + number)
        for number, name in enumerate(faults)
    ]


@contextmanager
def launching(directory: Path, *overrides: str) -> Iterator[Launch]:
    """A launch of cheap jobs, closed at the end; ``overrides`` set the launcher, ``+`` what all jobs share."""
    shared = [*PAIR, *(override for override in overrides if override.startswith("+"))]
    launcher = [override for override in overrides if not override.startswith("+")]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        with closing(Launch(loader, shared, launcher, directory / "trials", 2, 0, lambda trial: 0.0, job)) as launch:
            yield launch


def searched(directory: Path, *overrides: str) -> Result:
    """Search, or go on with the search in this directory: 6 candidates, 10 jobs."""
    with launching(directory, *overrides) as launch, closing(Ledger(directory / "ledger.jsonl", {"seed": 1})) as ledger:
        schedule = Halving([1, 2], [3, 2])
        return search(
            SPACE, launch, NSGA2(SPACE, seed=1, population=2), schedule, measures=MEASURES, candidates=6, ledger=ledger
        )


if __name__ == "__main__":
    print(searched(Path(sys.argv[1]), *sys.argv[2:]).stopped)  # noqa: T201
