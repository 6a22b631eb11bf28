"""The map at the end of a network whose mean over its positions is the embedding.

A linear classifier that gets the mean of a map can be asked at each position of it, too: the classifier of the mean is
the mean of what the classifier says. So this map, and no other, can stand in for a teacher's (SimKD) or show where a
class is seen (class activation maps).
"""

import torch
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import Network, knowledge_of, say_network


def neck_of(network: nn.Module, image: Tensor, whose: str) -> nn.Module:
    """What makes that map, (n, d, h, w), out of the network's last feature map; see ``Network.neck``.

    A trained student's neck is trained with it; whoever wants a frozen one takes a copy in eval mode. The promise is
    tried on noise, unless the network is on the device ``meta`` and has no values.

    Args:
        network: returns Knowledge; not changed.
        image: images of the data's shape; their values don't matter.
        whose: ``student`` or ``teacher``, for the message.

    Raises:
        UserError: the embedding is not the mean of such a map.
    """
    neck = network.neck() if isinstance(network, Network) else nn.Identity()
    noise = image if image.is_meta else torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    known = knowledge_of(network, noise.to(image.dtype))
    if not known.features or not _is_mean_of(known, neck):
        raise UserError(
            f"the embedding of the {whose}, {say_network(network)}, is not the mean of its last feature map over "
            "its positions, as in transformers with a class token, or where a norm or a layer follows the pooling; "
            "choose another network, or name the map before its pooling as the last of its features"
        )
    return neck


@torch.no_grad()
def _is_mean_of(known: Knowledge, neck: nn.Module) -> bool:
    modes = {module: module.training for module in neck.modules()}
    try:
        mean = neck.eval()(known.features[-1].clone()).mean((2, 3))
    finally:
        for module, training in modes.items():
            module.training = training
    wanted = known.embedding
    if mean.shape != wanted.shape:
        return False
    return mean.is_meta or torch.allclose(mean, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
