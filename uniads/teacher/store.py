"""What a teacher said, computed once and read by every process."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

import torch
from filelock import FileLock
from torch import Tensor

from uniads.data.loader import Loader
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.learner.frozen import TeacherSource
from uniads.learner.precision import DTYPES
from uniads.model.checkpoint import DAMAGED, is_whole
from uniads.notice import notify

AUTO = "auto"


def storage_dtype(setting: str, part: str) -> torch.dtype:
    """How a part is kept.

    Args:
        setting: ``float32`` gives the same bits as a live teacher. ``float16`` rounds to 11 bits, a relative error of
            5e-4, ``bfloat16`` to 8 bits, 4e-3; they halve the size. ``auto`` keeps feature maps, which are nearly all
            of it, in float16, and the rest in float32: distances of maps change by about 1e-3 of themselves.
        part: ``logits``, ``embedding``, or ``feature<tap>``.

    Raises:
        UserError: there is no such setting.
    """
    if setting == AUTO:
        return torch.float16 if part.startswith("feature") else torch.float32
    if setting not in DTYPES:
        raise UserError(f"teacher_store.dtype must be one of {', '.join([*DTYPES, AUTO])}, got {setting!r}")
    return DTYPES[setting]


def split_knowledge(knowledge: Knowledge) -> dict[str, Tensor]:
    """Knowledge by the names of its parts."""
    maps = {f"feature{tap}": value for tap, value in enumerate(knowledge.features)}
    return {"logits": knowledge.logits, "embedding": knowledge.embedding, **maps}


def storage_bytes(knowledge: Knowledge, dtype: str) -> dict[str, int]:
    """Bytes that each part of one image's knowledge takes in a store.

    Args:
        knowledge: of any batch, by its shapes.
        dtype: see ``storage_dtype``.
    """
    return {
        name: value[0].numel() * storage_dtype(dtype, name).itemsize
        for name, value in split_knowledge(knowledge).items()
    }


def storable_taps(knowledge: Knowledge, dtype: str, views: int, max_gb: float) -> tuple[int, ...]:
    """The taps whose feature maps fit into a store: the smallest first, as many as there is room for.

    Logits and embedding are always kept. The choice is the same for all who share the store, whichever they need.

    Args:
        knowledge: of any batch, by its shapes.
        dtype: see ``storage_dtype``.
        views: how many pictures the teacher is shown in all: images times epochs, or times ``data.views``.
        max_gb: room for everything, in 10⁹ bytes.
    """
    sizes = {name: size * views for name, size in storage_bytes(knowledge, dtype).items()}
    room = max_gb * 1e9 - sizes.pop("logits") - sizes.pop("embedding")
    taps = []
    for size, tap in sorted((sizes[f"feature{tap}"], tap) for tap in range(len(knowledge.features))):
        room -= size
        if room >= 0:
            taps.append(tap)
    return tuple(sorted(taps))


@final
class TeacherStore:
    """What a teacher says of every training image in every view, computed once and read by every process.

    All candidates of a search see the same pictures, so the teacher need not be asked again. A view, which is an epoch
    unless ``data.views`` limits them, is computed the first time that anyone needs it, batch by batch in the order of
    training. In float32 the stored values of an epoch equal a live teacher's bit for bit; where views come back, an
    image stands in another batch then, and sums may be taken in another order.

    Each part of a view, logits, embedding or the map of a tap, is a file. Files are written whole, one process at a
    time, and memory-mapped, so that whatever is found is complete. On a GPU the parts of the current view are kept on
    it.

    Args:
        teacher: asked for views that are not stored.
        directory: shared by all who see the same teacher, images and batches; see ``batches_key`` in
            ``uniads.teacher.source``.
        loader: the batches to train on; a copy of the one that trains, since its epoch is set here.
        taps: of the feature maps that are stored; in place of others ``Knowledge.features`` has empty tensors.
        count: how many taps the teacher has.
        dtype: see ``storage_dtype``. A part with values beyond the range of float16 is kept in float32.
    """

    def __init__(
        self,
        teacher: TeacherSource,
        directory: Path,
        loader: Loader,
        taps: Sequence[int] = (),
        count: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.teacher, self.directory, self.loader, self.dtype = teacher, directory, loader, dtype
        self.count = count
        self.parts = ("logits", "embedding", *(f"feature{tap}" for tap in sorted(taps)))
        storage_dtype(dtype, "logits")
        self._device = loader.pixels.device
        row = torch.full((int(loader.index.max()) + 1,), -1)
        row[loader.index.cpu()] = torch.arange(len(loader.index))
        self._row = row.to(self._device)
        self._view = -1
        self._known: dict[str, Tensor] = {}

    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        """The stored knowledge of a batch of an epoch."""
        view = self.loader.view(epoch)
        if view != self._view:
            self._known, self._view = self._read(view), view
        rows = self._row[batch.index.to(self._device)]
        found = {name: known[rows].float() for name, known in self._known.items()}
        nothing = found["logits"].new_empty(len(rows), 0, 0, 0)
        features = tuple(found.get(f"feature{tap}", nothing) for tap in range(self.count))
        return Knowledge(features, found["embedding"], found["logits"])

    def _file(self, view: int, part: str) -> Path:
        return self.directory / f"view-{view:04d}-{part}.pt"

    def _read(self, view: int) -> dict[str, Tensor]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / f"view-{view:04d}.lock"):
            known = {part: found for part in self.parts if (found := self._open(view, part)) is not None}
            missing = [part for part in self.parts if part not in known]
            if missing:
                self._write(view, self._compute(view, missing))
                known |= {part: self._load(view, part) for part in missing}
        return {part: known[part].to(self._device) for part in self.parts}

    def _open(self, view: int, part: str) -> Tensor | None:
        """A stored part; None if there is none, or its file is damaged, which is said."""
        file = self._file(view, part)
        if not file.exists():
            return None
        if is_whole(file):
            with suppress(*DAMAGED):
                value = self._load(view, part)
                if isinstance(value, Tensor) and len(value) == len(self.loader.index) and value.is_floating_point():
                    return value
        notify(f"{file} is damaged, so the teacher is asked again")
        return None

    def _load(self, view: int, part: str) -> Tensor:
        value: Tensor = torch.load(self._file(view, part), mmap=True, weights_only=True)
        return value

    def _write(self, view: int, known: dict[str, Tensor]) -> None:
        for part, value in known.items():
            dtype = storage_dtype(self.dtype, part)
            small = value.to(dtype)
            kept = small if torch.isfinite(small).all() else value
            partial = self._file(view, part).with_suffix(".part")
            torch.save(kept, partial)
            os.replace(partial, self._file(view, part))

    def _compute(self, view: int, parts: Sequence[str]) -> dict[str, Tensor]:
        """One tensor a part; a row for each image, in the order of the loader's index."""
        self.loader.set_epoch(view)
        known: dict[str, Tensor] = {}
        for batch in self.loader:
            answer = split_knowledge(self.teacher(batch, view))
            rows = self._row[batch.index].cpu()
            for part in parts:
                value = answer[part].float().cpu()
                if part not in known:
                    known[part] = torch.empty(len(self.loader.index), *value.shape[1:])
                known[part][rows] = value
        return known
