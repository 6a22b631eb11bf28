r"""A transform of your own, outside of the package: this file and ``conf/transform/clip.yaml``.

Run this file to check that it keeps what every transform promises. Run the command in this folder, to train with it:

    python clip.py
    python -m uniads.train --config-dir conf +pair=resnet56-resnet20 distiller=searched \
        transform@distiller.feature.transform.first=clip
"""

from typing import final

from torch import Tensor

from uniads.testing import check_transform
from uniads.transform.base import Transform


@final
class Clip(Transform):
    """T(x) = min(max(x, -bound), bound): large values count as the bound.

    Args:
        bound: above 0.
    """

    def __init__(self, bound: float = 1.0) -> None:
        super().__init__()
        if not bound > 0:
            raise ValueError(f"bound must be above 0, got {bound}")
        self.bound = bound

    def compute(self, x: Tensor) -> Tensor:
        return x.clamp(-self.bound, self.bound)


if __name__ == "__main__":
    check_transform(lambda: Clip(bound=2.0))
    print("Clip keeps all promises of a transform")
