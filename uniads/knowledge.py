"""What a network knows about a batch, and the batch itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from uniads.error import UserError


class Knowledge(NamedTuple):
    """What one network says about a batch of n images.

    Attributes:
        features: the feature maps at the network's taps f0, f1, ..., from the stem to the last stage.
        embedding: the pooled last map, the input of the classifier.
        logits: the class scores before the softmax.
    """

    features: tuple[Float[Tensor, "n _ _ _"], ...]
    embedding: Float[Tensor, "n d"]
    logits: Float[Tensor, "n k"]


class Batch(NamedTuple):
    """A batch of n images as a network sees it.

    Attributes:
        image: normalised and augmented pixels.
        label: the class of each image.
        index: the position of each image in its training set, the same in every epoch.
    """

    image: Float[Tensor, "n c h w"]
    label: Int[Tensor, " n"]
    index: Int[Tensor, " n"]  # type: ignore[assignment]  # hides tuple.index, which nobody needs

    @property
    def views(self) -> int:
        """How often each image is in it."""
        return 1


class PairedBatch(Batch):
    """A batch of two views of each of n / 2 images: first the first views of all, then, in the same order, the second.

    Labels and positions come twice. Whoever knows nothing of views sees n images.
    """

    @property
    def views(self) -> int:
        return 2


class MixedBatch(Batch):
    """A batch of mixed images; label and index are those of its images before they were mixed.

    Attributes:
        goal: the share of each class in an image.
    """

    goal: Float[Tensor, "n k"]

    @classmethod
    def of(cls, batch: Batch, image: Tensor, goal: Tensor) -> "MixedBatch":
        """A batch with mixed images in place of its own, and their classes' shares."""
        mixed = cls(image, batch.label, batch.index)
        mixed.goal = goal
        return mixed


def read_knowledge(said: Any, whose: str) -> Knowledge:
    """What a network said. Logits alone are knowledge without feature maps, with an embedding of no entries.

    Args:
        said: Knowledge, or logits.
        whose: who said it, for the message.

    Raises:
        UserError: it is neither, or no floats, or logits of no image.
    """
    if isinstance(said, Knowledge):
        for tensor in (*said.features, said.embedding, said.logits):
            if isinstance(tensor, Tensor) and not tensor.is_floating_point():
                raise UserError(f"the knowledge of the {whose} must be floats, got {tensor.dtype}; use .float()")
        return said
    if not isinstance(said, Tensor):
        raise UserError(
            f"the {whose} must say Knowledge(features, embedding, logits) or logits alone, a tensor (images, classes), "
            f"got {type(said).__name__}; Tapped of uniads.model.taps shows the knowledge of any network"
        )
    if said.ndim != 2 or not said.is_floating_point() or said.numel() == 0:
        raise UserError(
            f"the logits of the {whose} must be floats of shape (images, classes), neither of them 0, got {said.dtype} "
            f"and shape {tuple(said.shape)}; for feature maps or embeddings give Knowledge(features, embedding, logits)"
        )
    return Knowledge((), said.new_empty(len(said), 0), said)


def read_batch(batch: Any) -> Batch:
    """A loader's batch. Without an index it has an empty one.

    Args:
        batch: a ``Batch``, or (image, label), or (image, label, index).

    Raises:
        UserError: it is none of them, or no images with their classes.
    """
    if isinstance(batch, Batch):
        return batch
    wanted = "a batch must be (image, label) or (image, label, index)"
    if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
        got = f"{type(batch).__name__}{f' of {len(batch)}' if isinstance(batch, list | tuple) else ''}"
        if isinstance(batch, Mapping):
            got += f" with {', '.join(map(str, batch)) or 'nothing'}"
        raise UserError(f"{wanted}, got {got}; give a loader of such tuples, with a collate_fn that makes them")
    image, label, *index = batch
    if not isinstance(image, Tensor) or not image.is_floating_point() or image.ndim < 2:
        raise UserError(f"{wanted}, the images as one tensor of floats, got {_describe(image)}; normalise them")
    whole = isinstance(label, Tensor) and not (label.is_floating_point() or label.dtype == torch.bool)
    if not whole or label.shape != image.shape[:1]:
        raise UserError(
            f"{wanted}, the label as one whole number for each of the {len(image)} images, got {_describe(label)}; "
            "give the number of each image's class"
        )
    index = index or [torch.empty(0, dtype=torch.long)]
    if not isinstance(index[0], Tensor):
        raise UserError(f"{wanted}, the index as a tensor of whole numbers, got {_describe(index[0])}")
    return Batch(image, label.long(), index[0])


def _describe(value: Any) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
