"""How the learning rate changes in the course of a training."""

from bisect import bisect_right
from collections.abc import Sequence
from math import cos, pi

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR


def follow_milestones(optimizer: Optimizer, milestones: Sequence[int], gamma: float) -> MultiStepLR:
    """The learning rate falls by a factor after each milestone, an epoch; stepped once an epoch.

    Args:
        optimizer: whose learning rate it is.
        milestones: epochs, not falling.
        gamma: the factor.
    """
    return MultiStepLR(optimizer, list(milestones), gamma)


def follow_steps(optimizer: Optimizer, total: int, warm: int, falls: Sequence[int] | None, gamma: float) -> LambdaLR:
    """Step s = 0, 1, ..., S - 1 has the learning rate lr · min(1, (s + 1) / W) · f(s); stepped after every step.

    W steps warm it up in a straight line. f(s) = (1 + cos(π · max(0, s - W) / (S - W))) / 2, so that it is lr at the
    end of the warm-up and 0 after the last step, or f(s) = gamma^m where step s has reached m milestones.

    Sources: half a cosine without restarts, Loshchilov and Hutter, arXiv:1608.03983, equation 5; warm-up, Goyal et al.,
    arXiv:1706.02677, section 2.2.

    Args:
        optimizer: whose learning rate it is.
        total: S, steps of the whole schedule, above 0.
        warm: W, 0 or more, below S.
        falls: milestones in steps, not falling; None for the cosine.
        gamma: of the milestones.
    """

    def factor(step: int) -> float:
        risen = min(1.0, (step + 1) / warm) if warm else 1.0
        if falls is not None:
            return risen * gamma ** bisect_right(falls, step)
        share = min(1.0, max(0, step - warm) / max(1, total - warm))
        return risen * (1 + cos(pi * share)) / 2

    return LambdaLR(optimizer, factor)
