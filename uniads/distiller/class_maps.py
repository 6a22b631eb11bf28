"""Where a network sees each class: its classifier, asked at each position before the pooling."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from uniads.distiller.base import Context, full
from uniads.distiller.still import Still
from uniads.knowledge import Knowledge
from uniads.model.head import head_of
from uniads.model.neck import neck_of


@final
class ClassMaps(nn.Module):
    """m = W · neck(f), or with the bias b: class activation maps (N, K, H, W). Those with it have the logits as mean.

    f is the network's last feature map, ``neck`` what follows before the pooling (see ``Network.neck``), W and b its
    classifier. A class activation map has no bias; the logits of pooled regions have it. Of a teacher all of it is a
    copy that nothing changes. A student's are its own: they get the gradient, and its batch norms normalise as they
    did, without counting the batch a second time.

    Source: class activation maps, arXiv:1512.04150; as knowledge, CAT-KD, arXiv:2304.12777.

    Args:
        network: returns Knowledge.
        known: what it says of ``image``.
        image: images of the data's shape.
        trained: whether it is the student.
        bias: whether b is added.

    Raises:
        UserError: it has no linear classifier of the mean of a map.
    """

    def __init__(self, network: nn.Module, known: Knowledge, image: Tensor, trained: bool, bias: bool = True) -> None:
        super().__init__()
        whose = "student" if trained else "teacher"
        neck, head = neck_of(network, image, whose), _Positions(head_of(network, known, whose), bias)
        # A student's parts in a list are no submodules: they are in its state already, and in the optimizer.
        self._own = [neck, head] if trained else []
        self.neck = None if trained else Still(neck)
        self.head = None if trained else Still(head)

    def forward(self, feature: Tensor) -> Tensor:
        """The maps of a batch's last feature maps; not in half precision, whatever these are in."""
        with torch.autocast(feature.device.type, enabled=False):
            if self.neck is not None and self.head is not None:
                maps: Tensor = self.head(self.neck(full(feature)))
                return maps
            neck, head = self._own
            counted = {name: buffer.clone() for name, buffer in neck.named_buffers()}
            own_maps: Tensor = head(functional_call(neck, counted, (full(feature),)))
            return own_maps


class _Positions(nn.Module):
    """A linear classifier of each position."""

    def __init__(self, head: nn.Linear, bias: bool) -> None:
        super().__init__()
        self.head, self.bias = head, bias

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.head.weight[:, :, None, None], self.head.bias if self.bias else None)


def make_class_maps(who: str, context: Context, bias: bool) -> nn.ModuleDict:
    """The class maps of ``student`` and ``teacher``.

    Args:
        who: needs them, for a message.
        context: the training.
        bias: whether those of the classifiers are added.

    Raises:
        UserError: a network or an example of the data is not given, or a network has no class maps.
    """
    student = context.require("student", context.student, who)
    teacher = context.require("teacher", context.teacher, who)
    image = context.require("batch", context.batch, who).image
    return nn.ModuleDict(
        {
            "student": ClassMaps(student, context.student_knowledge, image, True, bias),
            "teacher": ClassMaps(teacher, context.taught, image, False, bias),
        }
    )


def regions(maps: Tensor, grids: Sequence[int]) -> Tensor:
    """The logits of pooled regions, (R · N, K), R = Σ g²: all images of the first region, then all of the second, ...

    Each grid pools the map itself, so that a single region has the image's own logits. SDD's code pools 1x1 and 2x2 out
    of 4x4 regions, which is the same unless a side of the map is no multiple or divisor of 4.

    Args:
        maps: class maps (N, K, H, W).
        grids: g, the regions of a side; with 1 as the first the first region is the whole image.
    """
    return torch.cat([F.adaptive_avg_pool2d(maps, grid).flatten(2).permute(2, 0, 1).flatten(0, 1) for grid in grids])
