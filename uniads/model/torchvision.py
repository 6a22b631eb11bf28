"""torchvision's classifiers."""

from collections.abc import Sequence
from typing import Any

from torch import nn
from torchvision import models

from uniads.error import MissingFileError, UnknownNameError, UserError, did_you_mean
from uniads.model.taps import Tapped

GENERAL = 224
"""Height and width of the images that the taps are chosen with, unless ``image_size`` says otherwise."""


def torchvision(
    name: str,
    weights: str | None = None,
    features: Sequence[str] | None = None,
    embedding: str | None = None,
    nhwc: bool | None = None,
    num_classes: int = 1000,
    in_channels: int = 3,
    **more: Any,
) -> Tapped:
    """One of torchvision's image classifiers, seen through its taps.

    Args:
        name: as in ``torchvision.models.list_models(torchvision.models)``.
        weights: the name of published weights, such as ``DEFAULT``, which are downloaded; None for random ones.
        features: see ``Tapped``.
        embedding: see ``Tapped``.
        nhwc: see ``Tapped``; None: where the family is known for it.
        num_classes: number of classes.
        in_channels: channels of the image; a first convolution for another number than 3 is a new one.
        more: arguments of the network, such as the ``image_size`` of a vision transformer.

    Raises:
        UserError: its weights are for other images or classes.
        UnknownNameError: there is no such classifier.
        MissingFileError: the weights can't be downloaded.
    """
    if name not in models.list_models(models):
        raise UnknownNameError(_explain_refusal(name))
    if weights is not None:
        _check(name, weights, num_classes, in_channels)
    try:
        network = models.get_model(name, weights=weights, num_classes=num_classes, **more)
    except OSError as error:
        raise MissingFileError(
            f"the weights {weights} of {name} can't be downloaded ({error}); fetch them elsewhere and give "
            "teacher.checkpoint=FILE"
        ) from None
    if in_channels != 3:
        _replace_first(network, in_channels)
    return Tapped(
        network,
        features,
        embedding,
        nhwc=name.startswith("swin") if nhwc is None else nhwc,
        image_size=more.get("image_size", GENERAL),
        weights=weights and f"torchvision-{name}-{weights}",
        num_classes=num_classes,
        in_channels=in_channels,
    )


def published_acc1(name: str, weights: str) -> float:
    """What torchvision says that its weights reach on the validation images of ImageNet-1k, 0 to 1."""
    return float(models.get_model_weights(name)[weights].meta["_metrics"]["ImageNet-1K"]["acc@1"]) / 100


def _explain_refusal(name: str) -> str:
    """Why a name is no classifier."""
    known = models.list_models(models)
    if name in models.list_models():
        return (
            f"torchvision's {name} does not classify whole images (it detects, segments, matches, reads videos or is "
            f"quantized), so it can't be a teacher or a student; take a classifier, such as {', '.join(known[:3])}"
        )
    hint = did_you_mean(name, known) or f"It has {', '.join(known)}."
    return f"torchvision has no classifier {name!r}. {hint}"


def _check(name: str, weights: str, num_classes: int, in_channels: int) -> None:
    """Refuse weights that don't exist or don't fit the data."""
    known = {entry.name: entry for entry in models.get_model_weights(name)}
    if weights != "DEFAULT" and weights not in known:
        raise UserError(f"torchvision's {name} has no weights {weights!r}; allowed: DEFAULT, {', '.join(known)}, null")
    classes = len(models.get_model_weights(name)[weights].meta["categories"])
    if (num_classes, in_channels) != (classes, 3):
        raise UserError(
            f"the weights {weights} of {name} are for {classes} classes and 3 channels, the data has {num_classes} and "
            f"{in_channels}; use weights=null and train it, or give teacher.checkpoint=FILE"
        )


def _replace_first(network: nn.Module, in_channels: int) -> None:
    """A new first convolution for another number of channels."""
    path, first = next((path, module) for path, module in network.named_modules() if isinstance(module, nn.Conv2d))
    parent, _, name = path.rpartition(".")
    convolution = nn.Conv2d(
        in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(network.get_submodule(parent), name, convolution)
