"""What every network of the zoo promises."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge


class Network(nn.Module, ABC):
    """An image classifier that shows its knowledge: ``network(image) -> Knowledge``.

    Attributes:
        ends: names of the modules that are needed for what follows the last feature map, and for nothing else.
    """

    ends: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def forward(self, image: Float[Tensor, "n c h w"]) -> Knowledge:
        """Feature maps, embedding and logits of a batch of normalised images."""

    def maps(self, image: Float[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        """The feature maps alone; a network that can leaves out what follows the last one."""
        knowledge: Knowledge = self(image)
        return knowledge.features

    def neck(self) -> nn.Module:
        """What makes the map whose mean over its positions is the embedding out of the last feature map.

        Its modules are the network's own. It is the identity where the last feature map is that map itself. Whether it
        is, for a network of another library, ``uniads.model.neck.neck_of`` finds out.
        """
        return nn.Identity()

    def drop_head(self) -> None:
        """Remove what follows the last feature map, for good: afterwards only ``maps`` can be asked."""
        for name in self.ends:
            delattr(self, name)

    def tail(self) -> nn.Module:
        """The last stage and what follows it, ``features[-2] -> logits``; its modules are the network's own.

        Raises:
            UserError: nobody knows where the network's last stage begins.
        """
        raise UserError(
            f"{type(self).__name__} can't be split before its last stage; choose a network of the zoo, such as wrn_16_2"
        )


def say_network(network: nn.Module) -> str:
    """What a message calls a network: its class, or that of the one that is seen through taps."""
    inner = getattr(network, "network", network)
    return type(inner if isinstance(inner, nn.Module) else network).__name__


@torch.no_grad()
def knowledge_of(network: nn.Module, image: Tensor) -> Knowledge:
    """What a network says in eval mode, where it is; it is left in the mode that it was in, and unchanged.

    Raises:
        UserError: it does not return Knowledge.
    """
    modes = {module: module.training for module in network.modules()}
    device = next((parameter.device for parameter in network.parameters()), image.device)
    try:
        knowledge = network.eval()(image.to(device))
    finally:
        for module, training in modes.items():
            module.training = training
    if not isinstance(knowledge, Knowledge):
        raise UserError(
            f"{type(network).__name__} returns {type(knowledge).__name__}, not Knowledge; let Tapped of "
            "uniads.model.taps show its feature maps, embedding and logits: Tapped(network, num_classes=...)"
        )
    return knowledge


AUTO = "auto"
MEMORY_FORMATS = {AUTO: None, "channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def lay_out(network: nn.Module, choice: str = AUTO) -> torch.memory_format:
    """Put a network's weights into a memory layout; its images belong into the same one.

    Args:
        network: on any device.
        choice: ``channels_last``, ``contiguous``, or ``auto`` for the faster safe one.

    ``auto`` is channels_last, on CPUs and GPUs alike, but for networks with a strided 1x1 convolution of fewer than 16
    input channels: oneDNN writes past its buffer in that convolution's backward pass (uxlfoundation/oneDNN#6035). The
    layout changes no weight and no shape. Sums are taken in another order, and torch's batch norm on CPUs takes longer
    ones: at 32x32 pixels and batch 64 a student's gradient in float32 is 1e-3 to 5e-3 of itself off the exact one.

    Raises:
        UserError: there is no such choice, or the network can't be channels_last.
    """
    if choice not in MEMORY_FORMATS:
        raise UserError(f"memory_format must be {', '.join(MEMORY_FORMATS)}, got {choice!r}")
    unsafe = any(map(_overflows, network.modules()))
    layout = MEMORY_FORMATS[choice] or (torch.contiguous_format if unsafe else torch.channels_last)
    if unsafe and layout == torch.channels_last:
        raise UserError(
            f"memory_format=channels_last is not safe for this {type(network).__name__}: it has a strided 1x1 "
            "convolution of fewer than 16 input channels, with which oneDNN damages memory; use auto or contiguous"
        )
    network.to(memory_format=layout)  # type: ignore[call-overload]
    return layout


def place(image: Tensor, layout: torch.memory_format) -> Tensor:
    """Images in a memory layout; what is no batch of maps has none."""
    return image.contiguous(memory_format=layout) if image.ndim == 4 else image


def _overflows(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.stride != (1, 1)
        and module.in_channels < 16
    )


def count_params(network: nn.Module) -> int:
    """Number of trainable scalars of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
