"""What a network knows about a batch, and the batch itself."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


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
