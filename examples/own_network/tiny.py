"""A network of your own, outside of the package: this file and ``conf/model/tiny.yaml``.

Run this file to check that it keeps what every network promises. Run the command in this folder, to train it as the
student of a ResNet. A network that returns logits alone is used without a change of its code: see ``Tapped`` in
``uniads.model.taps``.

    python tiny.py
    python -m uniads.train --config-dir conf +pair=resnet56-resnet20 model@student=tiny student.channels=24
"""

from typing import final

from torch import Tensor, nn

from uniads.knowledge import Knowledge
from uniads.model.base import Network
from uniads.testing import check_network


@final
class Tiny(Network):
    """Two convolutions and a classifier; its taps are the maps after each convolution.

    Args:
        channels: of the stem; the stage has twice as many.
        num_classes: number of classes.
        in_channels: channels of the image.
    """

    def __init__(self, channels: int = 16, num_classes: int = 100, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())
        stage = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.stage = nn.Sequential(stage, nn.BatchNorm2d(2 * channels), nn.ReLU())
        self.classifier = nn.Linear(2 * channels, num_classes)

    def forward(self, image: Tensor) -> Knowledge:
        stem = self.stem(image)
        stage = self.stage(stem)
        embedding = stage.mean((2, 3))
        return Knowledge((stem, stage), embedding, self.classifier(embedding))

    def tail(self) -> nn.Module:
        return nn.Sequential(self.stage, nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.classifier)


if __name__ == "__main__":
    check_network(lambda num_classes, in_channels: Tiny(8, num_classes, in_channels), size=8)
    print("Tiny keeps all promises of a network")
