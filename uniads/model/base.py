"""What every network of the zoo promises."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge


class Network(nn.Module, ABC):
    """An image classifier that shows its knowledge: ``network(image) -> Knowledge``."""

    @abstractmethod
    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        """Feature maps, embedding and logits of a batch of normalised images."""


def count_params(network: nn.Module) -> int:
    """Number of trainable scalars of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
