"""How a training asks its teacher: live or through a store, compiled or not."""

from hashlib import sha256

import torch

from uniads.cache import shared
from uniads.data.base import Data
from uniads.distiller.base import Distiller
from uniads.distiller.taps import needed_taps
from uniads.knowledge import Knowledge
from uniads.learner.compiling import compile_mode
from uniads.learner.frozen import Frozen, TeacherSource
from uniads.learner.precision import DTYPES, fast_dtype
from uniads.model.base import Network
from uniads.model.flops import forward_flops
from uniads.settings.training import TrainingSettings
from uniads.teacher.identity import data_facts, hash_facts, hash_file
from uniads.teacher.store import AUTO, TeacherStore, storable_taps
from uniads.teacher.training import Teacher


def build_source(
    settings: TrainingSettings, data: Data, distiller: Distiller, teacher: Teacher, knowledge: Knowledge
) -> TeacherSource:
    """What a learner asks for the teacher's knowledge of a batch.

    Args:
        settings: of the training.
        data: what it trains on.
        distiller: what it trains with.
        teacher: any.
        knowledge: the teacher's, of any batch, for its shapes.

    Raises:
        UserError: ``teacher.compile`` is no setting.
    """
    device, store = settings.trainer.device, settings.store
    recipe = settings.recipe
    loader = data.train(recipe.batch_size, device, recipe.randaugment)
    epochs = min(settings.schedule_epochs, data.views or settings.schedule_epochs)
    dtype = answer_dtype(settings)
    flops = 0.0
    if dtype == torch.float32:
        images = len(loader.index) * epochs * distiller.views
        flops = teacher_flops(teacher.network, (data.channels, *data.size)) * images
    mode = compile_mode("teacher.compile", settings.teacher.compile, device, epochs * len(loader), flops)
    frozen = Frozen(teacher.network, dtype, mode, settings.memory_format)
    if store.directory is None or not settings.stores:
        return frozen
    count = len(knowledge.features)
    needed = needed_taps(distiller, count)
    if not set(needed) <= set(storable_taps(knowledge, store.dtype, len(loader.index) * epochs, store.max_gb)):
        return frozen
    directory = store.directory / batches_key(settings, teacher)
    return TeacherStore(frozen, directory, loader, needed, count, store.dtype)


def answer_dtype(settings: TrainingSettings) -> torch.dtype:
    """The precision in which the teacher of a training computes on this machine."""
    dtype = settings.teacher.dtype
    return fast_dtype(settings.trainer.device) if dtype == AUTO else DTYPES[dtype]


def teacher_flops(network: Network, shape: tuple[int, ...]) -> int:
    """Floating-point operations of a teacher's forward pass of one image; counted once for all trials of a process."""

    def count() -> tuple[Network, int]:
        image = torch.zeros(1, *shape, device=next(network.parameters()).device)
        return network, forward_flops(network, image)  # with the network, so that its id is not given to another

    return shared.get("flops", (id(network), shape), count)[1]


def batches_key(settings: TrainingSettings, teacher: Teacher) -> str:
    """A short hash of all that decides what a teacher is shown, which teacher it is, and how it is asked."""
    contents = hash_file(teacher.file) if teacher.file.is_file() else str(teacher.file)
    images = hash_facts(data_facts(settings))
    parts = [images, str(settings.recipe.batch_size), teacher.model.key, contents]
    how = [str(answer_dtype(settings)), str(settings.teacher.compile), str(settings.store.dtype)]
    if settings.memory_format != AUTO:
        how.append(settings.memory_format)
    if settings.recipe.randaugment is not None:
        how.append(f"randaugment {list(settings.recipe.randaugment)}")
    return sha256("\n".join(parts + how).encode()).hexdigest()[:12]
