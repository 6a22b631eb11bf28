"""Floating-point operations of a network."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def forward_flops(network: nn.Module, image: torch.Tensor) -> int:
    """Floating-point operations of one forward pass in eval mode, two for each multiply-add.

    Args:
        network: left in the mode that it was in.
        image: a batch of one image.
    """
    training = network.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    network.train(training)
    return int(counter.get_total_flops())
