"""The checkpoint that a training goes on from: whole, and of the same training. Any other counts as missing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint

from uniads.error import DamagedFileError, UserError
from uniads.model.checkpoint import OWN, is_whole, read_plain
from uniads.notice import notify

IDENTITY = "identity"
"""What a training's weights depend on, among the facts in its files."""

NEEDED = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "epochs", "rng", "means")


@dataclass(frozen=True)
class Kept:
    """A file of a training.

    Attributes:
        file: where it is, or will be.
        facts: about the training, which go into the file; ``identity`` is what its weights depend on.
    """

    file: Path
    facts: Mapping[str, Any]

    def find(self, stop_epoch: int) -> Path | None:
        """The file, if the training can go on from it to ``stop_epoch``; what speaks against that is said."""
        if not self.file.exists():
            return None
        try:
            content = read_kept(self.file)
        except UserError as error:
            notify(f"{error}: it counts as missing, and the training begins anew")
            return None
        if content[OWN].get(IDENTITY) != self.facts.get(IDENTITY):
            notify(f"{self.file} is another training's: it counts as missing, and the training begins anew")
            return None
        if content["epochs"] > stop_epoch:
            epochs = content["epochs"]
            notify(f"{self.file} is at epoch {epochs}, later than epoch {stop_epoch}, so the training begins anew")
            return None
        return self.file

    def save(self, trainer: Trainer) -> None:
        """Replace the file by a checkpoint of what a trainer has come to, in one step."""
        partial = self.file.with_suffix(".part")
        trainer.save_checkpoint(partial)
        os.replace(partial, self.file)


def read_kept(file: Path) -> dict[str, Any]:
    """What the checkpoint of a training holds.

    Raises:
        MissingFileError: there is none.
        DamagedFileError: it is not whole, or no checkpoint of a training.
    """
    if file.is_file() and not is_whole(file):
        raise DamagedFileError(f"{file} is no whole checkpoint")
    content = read_plain(file)
    own = content.get(OWN) if isinstance(content, dict) else None
    if not isinstance(own, dict) or not all(name in content for name in NEEDED) or type(content["epochs"]) is not int:
        raise DamagedFileError(f"{file} is no checkpoint of a training")
    kept: dict[str, Any] = content
    return kept


class Sign(Callback):
    """Writes the facts about a training into its checkpoints.

    Args:
        facts: plain values.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint[OWN] = self.facts


class KeepEpochs(Checkpoint):
    """Saves a checkpoint after every epoch, so that a killed training loses no more than the epoch it was in.

    As a ``Checkpoint`` it is called when everything else of the epoch is done; where the next one has begun, Lightning
    would take it for one that is nearly over, and go on with its last batch.

    Args:
        kept: where it is saved.
    """

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.kept.save(trainer)


class KeepBest(ModelCheckpoint):
    """Keeps ``best.ckpt`` in a directory, which may be moved between two processes.

    The last epoch's file is that of ``KeepEpochs``: Lightning writes one only where the best was written, too.

    Args:
        directory: where they are.
        monitor: of which the highest value is the best; None: the last epoch is.
    """

    def __init__(self, directory: Path, monitor: str | None) -> None:
        super().__init__(directory, filename="best", monitor=monitor, mode="max", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over which epoch was the best; its file is the one in this directory, wherever it was before."""
        here = Path(str(self.dirpath))

        def move(path: str) -> str:
            return str(here / Path(path).name) if path else path

        paths = {name: move(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        best = {move(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "dirpath": str(self.dirpath), "best_k_models": best})
