"""The learner in a Lightning Trainer of your own, with an ordinary DataLoader and torchvision-like networks.

Teacher and student are plain modules that return logits; ``Tapped`` shows their feature maps and embeddings without a
change of their code. The loader gives (image, label).

    python examples/lightning_trainer.py
"""

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import uniads
from uniads.distiller.base import Context
from uniads.model.taps import Tapped


def build_network(channels: int) -> nn.Module:
    """A small classifier of ten digits, as anybody may have written it."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.BatchNorm2d(2 * channels), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, 10),
    )  # fmt: skip


def train_and_print(name: str, learner: uniads.Learner, train: DataLoader, val: DataLoader) -> None:
    """Train and validate as with any LightningModule."""
    trainer = pl.Trainer(
        max_epochs=learner.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(learner, train)
    (scores,) = trainer.validate(learner, val, verbose=False)
    print(f"{name}: accuracy {scores['val/acc1']:.3f}, loss {scores['val/loss']:.3f}")


def main() -> None:
    """Train a teacher, and a student from it, and print what they reach."""
    pl.seed_everything(0, verbose=False)
    image, label = load_digits(return_X_y=True)
    digits = TensorDataset(torch.tensor(image, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(label))
    train, val = (DataLoader(part, batch_size=64) for part in random_split(digits, [1437, 360]))

    epochs = 5
    recipe = uniads.Recipe(
        epochs, batch_size=64, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, milestones=[3], gamma=0.1
    )
    teacher, student = (Tapped(build_network(n), num_classes=10, in_channels=1, image_size=8) for n in (16, 8))
    plain, kd = uniads.build("distiller", "plain"), uniads.build("distiller", "kd")
    train_and_print("teacher", uniads.Learner(teacher, plain, recipe, epochs, num_classes=10), train, val)

    kd.adapt(Context.of(student, teacher, torch.zeros(2, 1, 8, 8)))
    learner = uniads.Learner(student, kd, recipe, epochs, num_classes=10, teacher=teacher)  # freezes the teacher
    train_and_print("student", learner, train, val)


if __name__ == "__main__":
    main()
