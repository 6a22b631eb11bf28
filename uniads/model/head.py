"""The classifier at the end of a network."""

import torch
from torch import Tensor, nn

from uniads.error import UserError
from uniads.knowledge import Knowledge
from uniads.model.base import say_network


def head_of(network: nn.Module, known: Knowledge, whose: str) -> nn.Linear:
    """The linear layer that makes a network's logits out of its embedding; found by trying, whatever its name.

    Args:
        network: searched from its end.
        known: what it says of any batch; on the device ``meta``, where nothing has values, shapes decide.
        whose: ``student`` or ``teacher``, for the message.

    Raises:
        UserError: it has no such layer.
    """
    for module in reversed(list(network.modules())):
        if isinstance(module, nn.Linear) and module.in_features == known.embedding.shape[1]:
            with torch.no_grad():
                logits = module(known.embedding)
            if _are_same(logits, known.logits):
                return module
    raise UserError(
        f"no linear layer of the {whose}, {say_network(network)}, makes its {known.logits.shape[1]} logits out of its "
        f"embedding of {known.embedding.shape[1]}; name the input of the classifier as the embedding, or choose "
        "another distiller"
    )


def _are_same(logits: Tensor, known: Tensor) -> bool:
    if logits.shape != known.shape:
        return False
    return known.is_meta or torch.allclose(logits, known, rtol=1e-3, atol=1e-3)
