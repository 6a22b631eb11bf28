"""Networks as users write them: plain modules that know nothing of uniads."""

import torch.nn.functional as F
from torch import Tensor, nn


class Plain(nn.Module):
    """Three convolutions, changed in place by functions, and a classifier; 32x32 images only."""

    def __init__(self, num_classes: int = 4, in_channels: int = 1, wide: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, wide, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(wide, wide, 3, 2, 1), nn.BatchNorm2d(wide), nn.ReLU(inplace=True))
        self.tail = nn.Conv2d(wide, 2 * wide, 3, 2, 1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(2 * wide * 8 * 8, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.stem(image), inplace=True)
        x = F.relu(self.tail(self.body(x)), inplace=True)
        return self.head(self.drop(x.flatten(1)))


class Branching(nn.Module):
    """Its code depends on values, which no graph can show."""

    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        if x.sum() > 0:
            x = x + 1
        return self.head(self.pool(x).flatten(1))


class Several(nn.Module):
    """Returns its logits among other things."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.stem(image)
        return {"map": x, "logits": self.head(x.mean((2, 3)))}
