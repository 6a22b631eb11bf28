"""What every network of the zoo promises."""

from abc import ABC, abstractmethod
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from uniads.knowledge import Knowledge

Net = TypeVar("Net", bound=nn.Module)


class Network(nn.Module, ABC):
    """An image classifier that shows its knowledge: ``network(image) -> Knowledge``."""

    @abstractmethod
    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        """Feature maps, embedding and logits of a batch of normalised images."""


def channels_last(network: Net) -> Net:
    """The network with its weights in the layout in which convolutions are faster, on CPUs and GPUs alike.

    The layout changes no weight and no shape; sums may be taken in another order.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def count_params(network: nn.Module) -> int:
    """Number of trainable scalars of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
