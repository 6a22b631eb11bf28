"""Rank students by DisWOT, without training any: how alike is an untrained student to an untrained teacher?

The score compares the relations of images, and what the classifiers attend to. It is 0 for networks that say the same,
else negative: higher is better.

    python examples/diswot_score.py
"""

import torch

import uniads


def main() -> None:
    """Print the students in the order of their scores."""
    data = uniads.build("data", "digits")
    batch = next(iter(data.train(batch_size=64)))
    shape = {"num_classes": data.num_classes, "in_channels": data.channels}

    def build(depth: str, width: float = 1.0) -> torch.nn.Module:
        torch.manual_seed(0)
        return uniads.build("model", depth, width=width, **shape)

    scores = {
        (depth, width): uniads.diswot_score(build(depth, width), build("resnet32"), batch)
        for depth in ("resnet8", "resnet14", "resnet20")
        for width in (0.5, 1.0)
    }
    for (depth, width), score in sorted(scores.items(), key=lambda item: -item[1]):
        print(f"{depth} x {width}: {score:.4f}")


if __name__ == "__main__":
    main()
