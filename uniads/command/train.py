"""One training as its user sees it: what it works on, and what came out."""

import json
from dataclasses import asdict
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from uniads.error import UserError
from uniads.outcome import Outcome
from uniads.teacher.assistants import as_teacher
from uniads.terminal.opening import answer_lines, data_lines, teacher_lines
from uniads.terminal.table import outcome_table
from uniads.training.fit import Parts, data_for, fit


def main(cfg: DictConfig) -> None:
    """Train one student."""
    train(cfg, Console())


def train(cfg: DictConfig, console: Console) -> Outcome:
    """Train as configured, show what came out, and leave it in ``outcome.json``."""
    loss = instantiate(cfg.distiller).formula()
    for line in [*data_lines(data_for(cfg), cfg.recipe.batch_size), f"loss     {loss}"]:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    with console.status("teacher: loading, or training it on first use") as status:

        def ready(parts: Parts) -> None:
            status.stop()
            if parts.teacher:
                for line in [*teacher_lines(as_teacher(cfg), parts.teacher, parts.data), *answer_lines(cfg)]:
                    console.print(line, highlight=False, soft_wrap=True, markup=False)

        outcome = fit(cfg, ready)
    directory = Path(cfg.paths.run_dir)
    (directory / "outcome.json").write_text(json.dumps(asdict(outcome), indent=2) + "\n")
    console.print(outcome_table(outcome))
    console.print(f"student, checkpoints and outcome.json: {directory}", highlight=False, soft_wrap=True)
    if outcome.rejected:
        raise UserError(f"the training was stopped: {outcome.rejected}; try a smaller recipe.lr or distiller weight")
    return outcome
