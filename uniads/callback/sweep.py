"""Tells a sweep what it compares, after every epoch."""

import json
import os
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from uniads.error import UserError
from uniads.model.base import count_params


class Sweep(Callback):
    """Logs ``objective`` = val/loss + weight * |params - target| / target, with its parts, once a validated epoch.

    A sweep minimises one number, where a search has two. The same numbers are appended to a file, one JSON object an
    epoch, which stands also where the sweep's agent ends the training early.

    Args:
        target: wanted parameters, above 0; None for the loss alone.
        weight: of the distance from the target, 0 or more.
        file: where the numbers are appended; None to log them only.
        run: a name of the training within the file.
    """

    def __init__(
        self, target: float | None = None, weight: float = 1.0, file: str | None = None, run: str = "run"
    ) -> None:
        if target is not None and not target > 0:
            raise UserError(f"callback.sweep.target must be above 0, got {target}")
        if not weight >= 0:
            raise UserError(f"callback.sweep.weight must be 0 or more, got {weight}")
        self.target, self.weight, self.run = target, weight, run
        self.file = Path(file) if file else None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told = {name: float(number) for name, number in trainer.callback_metrics.items() if name.startswith("val/")}
        params = count_params(pl_module.get_submodule("student"))
        distance = abs(params - self.target) / self.target if self.target else 0.0
        epoch = {"epochs": trainer.current_epoch + 1, "params": params, "objective": 0.0, **told}
        epoch["objective"] = told["val/loss"] + self.weight * distance
        for logger in trainer.loggers:
            logger.log_metrics({name: epoch[name] for name in ("epochs", "params", "objective")}, trainer.global_step)
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"run": self.run, **epoch}) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
