"""A teacher that nothing changes, asked directly or through what it said before."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from uniads.data.loader import Loader
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network, laid_out

Teacher = Callable[[Batch, int], Knowledge]
"""The knowledge of a batch of the given epoch, from 0."""


class Frozen:
    """A network in eval mode, without gradients, outside of the learner's state.

    It is no submodule of what holds it, so it gets into no optimizer and no checkpoint, and ``train()`` does not reach
    it.

    Args:
        network: used as it is, not copied.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)
        self._layout = laid_out(network)

    @torch.no_grad()
    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        """The network's knowledge of a batch, whatever the epoch."""
        self.network.to(batch.image.device)
        knowledge: Knowledge = self.network(batch.image.contiguous(memory_format=self._layout))
        return knowledge


class TeacherStore:
    """What a teacher says of every training image in every epoch, computed once and read by every process.

    All candidates of a search see the same batches, so the teacher need not be asked again. An epoch is computed the
    first time that anyone needs it, batch by batch in the order of training, so the stored values equal those of a
    live teacher bit for bit. Files are written whole and memory-mapped.

    Args:
        teacher: asked for epochs that are not stored.
        directory: shared by all who see the same teacher, images and batches; see ``batches_key`` in ``uniads.fit``.
        loader: the batches to train on; a copy of the one that trains, since its epoch is set here.
        features: whether feature maps are stored; without them ``Knowledge.features`` is empty.
    """

    def __init__(self, teacher: Frozen, directory: Path, loader: Loader, features: bool) -> None:
        self.teacher, self.directory, self.loader, self.features = teacher, directory, loader, features
        self._row = torch.full((int(loader.index.max()) + 1,), -1).index_put_(
            (loader.index.cpu(),), torch.arange(len(loader.index))
        )
        self._epoch = -1
        self._known: list[Tensor] = []

    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        """The stored knowledge of a batch of an epoch."""
        if epoch != self._epoch:
            self._known, self._epoch = self._read(epoch), epoch
        rows = self._row[batch.index.cpu()]
        *features, embedding, logits = (known[rows].to(batch.image.device) for known in self._known)
        return Knowledge(tuple(features), embedding, logits)

    def _read(self, epoch: int) -> list[Tensor]:
        file = self.directory / f"epoch-{epoch:04d}.pt"
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if not file.exists():
                partial = file.with_suffix(".part")
                torch.save(self._computed(epoch), partial)
                os.replace(partial, file)
        known: list[Tensor] = torch.load(file, mmap=True, weights_only=True)
        return known

    def _computed(self, epoch: int) -> list[Tensor]:
        """One tensor a tap, then embedding and logits; a row for each image, in the order of the loader's index."""
        self.loader.set_epoch(epoch)
        known: list[Tensor] = []
        for batch in self.loader:
            knowledge = self.teacher(batch, epoch)
            parts = [*(knowledge.features if self.features else ()), knowledge.embedding, knowledge.logits]
            if not known:
                known = [torch.empty(len(self.loader.index), *part.shape[1:]) for part in parts]
            rows = self._row[batch.index.cpu()]
            for store, part in zip(known, parts, strict=True):
                store[rows] = part.float().cpu()
        return known


def stored_bytes(knowledge: Knowledge, images: int, epochs: int) -> int:
    """Bytes that a store with feature maps takes in float32.

    Args:
        knowledge: of any batch, by its shapes.
        images: images an epoch.
        epochs: epochs of the longest training.
    """
    parts = [*knowledge.features, knowledge.embedding, knowledge.logits]
    return 4 * images * epochs * sum(part[0].numel() for part in parts)
