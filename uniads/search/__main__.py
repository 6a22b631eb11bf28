"""python -m uniads.search +pair=wrn40_2-wrn16_2: search a student and its distillation, then train the best in full."""

from contextlib import closing

from omegaconf import DictConfig
from rich.console import Console

from uniads import searching
from uniads.command import command
from uniads.report.wandb import search_run
from uniads.search import INTERRUPTED
from uniads.setup import Setup, opened


@command("search")
def main(cfg: DictConfig) -> None:
    """Search, report, and train the chosen candidate."""
    console = Console()
    setup = Setup.of(cfg)
    with closing(setup.launch), closing(opened(setup)) as ledger:
        searching.introduce(setup, console)
        with search_run(setup.directory, setup.shared.pair, cfg) as run:
            result = searching.run_search(setup, ledger, run, console)
            run.conclude(result)
    searching.report(setup, result, console)
    interrupted = result.stopped == INTERRUPTED
    if result.best is None and not interrupted:
        raise ValueError(
            f"no candidate reached the top rung ({result.stopped}); see {setup.directory / 'ledger.jsonl'}"
        )
    best = result.best if cfg.final and not interrupted else None
    final = searching.train_best(setup, best, console) if best else None
    searching.conclude(setup, result, final, console)
    if interrupted:
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
