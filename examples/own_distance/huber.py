r"""A distance of your own, outside of the package: this file and ``conf/distance/huber.yaml``.

Run this file to check that it keeps what every distance promises. Run the command in this folder, to train with it:

    python huber.py
    python -m uniads.train --config-dir conf +pair=resnet56-resnet20 distiller=searched \
        distance@distiller.embedding.distance=huber
"""

from typing import final

from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance
from uniads.testing import check_distance


@final
class Huber(Distance):
    """D(s, t) = mean h(s - t), over all elements, with h(d) = d²/2 for |d| < delta, else delta · (|d| - delta/2).

    Args:
        delta: where the parabola becomes a line, above 0.
    """

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not delta > 0:
            raise ValueError(f"delta must be above 0, got {delta}")
        self.delta = delta

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.huber_loss(student, teacher, delta=self.delta)


if __name__ == "__main__":
    check_distance(lambda: Huber(delta=2.0))
    print("Huber keeps all promises of a distance")
