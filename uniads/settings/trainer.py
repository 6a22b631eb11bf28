"""How Lightning trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Trainer

from uniads.error import UserError
from uniads.settings.blueprint import Blueprint

FULL = ("32-true", "32", "None")
"""Lightning's names of float32."""


@dataclass(frozen=True)
class TrainerSettings:
    """How Lightning trains.

    Attributes:
        trainer: makes its ``Trainer``; further keywords set callbacks, logger and length.
        device: where it trains.

    Raises:
        UserError: more than one device is asked for.
    """

    trainer: Blueprint[Trainer]
    device: torch.device

    def __post_init__(self) -> None:
        for name in ("devices", "num_nodes"):
            asked = self.facts.get(name, 1)
            one = asked in (1, "1") or (isinstance(asked, list | tuple) and len(asked) == 1)
            if not one and not (asked in ("auto", -1, "-1") and self.device.type == "cpu"):
                raise UserError(
                    f"trainer.{name} must be 1, got {asked!r}: a training runs on one device, each of several would "
                    "train on the same images; a search runs as many trainings at a time as there are devices"
                )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The trainer's configuration."""
        return self.trainer.facts
