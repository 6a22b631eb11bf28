"""Published distillation losses alone, on tensors of your own.

A distiller takes the knowledge of student and teacher and gives its weighted terms by name. Where the shapes of both
agree and no adapter is needed, it can be called at once; else ``adapt`` makes the adapters. A few, such as CRD, need
more, and say what.

    python examples/published_loss.py
"""

import torch

import uniads


def draw_knowledge(channels: int) -> uniads.Knowledge:
    """What a network with some channels might say of 8 images: two feature maps, an embedding and 10 logits."""
    features = (torch.randn(8, channels, 16, 16), torch.randn(8, channels, 8, 8))
    return uniads.Knowledge(features, features[-1].mean((2, 3)), torch.randn(8, 10))


def main() -> None:
    """Print some losses."""
    torch.manual_seed(0)
    student, teacher, wide = draw_knowledge(32), draw_knowledge(32), draw_knowledge(64)
    for name in ("kd", "dist", "rkd", "sp"):
        distiller = uniads.build("distiller", name)
        terms = {term: round(value.item(), 4) for term, value in distiller(student, teacher).items()}
        print(f"{name}: {terms}")

    for name in ("fitnet", "cc"):
        distiller = uniads.build("distiller", name, **({"feature": {"tap": 1}} if name == "fitnet" else {}))
        distiller.adapt(student, wide)
        adapters = sum(parameter.numel() for parameter in distiller.parameters())
        terms = {term: round(value.item(), 4) for term, value in distiller(student, wide).items()}
        print(f"{name}: {terms} with adapters of {adapters} parameters")


if __name__ == "__main__":
    main()
