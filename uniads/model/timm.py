"""timm's classifiers."""

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from uniads.error import MissingFileError, UnknownNameError, UserError, did_you_mean
from uniads.model.taps import Tapped


def timm(
    name: str,
    weights: str | None = None,
    features: Sequence[str] | None = None,
    embedding: str | None = None,
    nhwc: bool | None = None,
    num_classes: int = 1000,
    in_channels: int = 3,
    **more: Any,
) -> Tapped:
    """One of timm's image classifiers, seen through its taps.

    Args:
        name: as in ``timm.list_models()``; a tag of its weights may follow, as in ``resnet18.a1_in1k``.
        weights: ``DEFAULT`` for the weights that the name stands for, which are downloaded; None for random ones.
        features: see ``Tapped``.
        embedding: see ``Tapped``.
        nhwc: see ``Tapped``; None: what the network says of itself.
        num_classes: number of classes.
        in_channels: channels of the image.
        more: arguments of ``timm.create_model``, such as ``img_size``.

    Raises:
        UserError: timm is not installed, or the weights are for other classes.
        UnknownNameError: timm knows no such network.
        MissingFileError: the weights can't be downloaded.
    """
    try:
        library, layers = import_module("timm"), import_module("timm.layers")
    except ModuleNotFoundError:
        raise UserError(f"the model {name} needs timm, which is not installed: pip install uniads[timm]") from None
    _check(library, name, weights, num_classes)
    try:
        settings = {"num_classes": num_classes, "in_chans": in_channels, **more}
        network = library.create_model(name, pretrained=weights is not None, **settings)
    except OSError as error:
        raise MissingFileError(
            f"the weights of {name} can't be downloaded ({error}); fetch them elsewhere and give "
            "teacher.checkpoint=FILE"
        ) from None
    return Tapped(
        network,
        features,
        embedding,
        nhwc=str(getattr(network, "output_fmt", "NCHW")) == "NHWC" if nhwc is None else nhwc,
        image_size=more.get("img_size") or network.pretrained_cfg["input_size"][-1],
        weights=weights and f"timm-{name}",
        num_classes=num_classes,
        in_channels=in_channels,
        opaque=(*layers.get_notrace_modules(), *layers.get_notrace_functions()),
    )


def _check(library: ModuleType, name: str, weights: str | None, num_classes: int) -> None:
    """Refuse a name or weights that timm does not have, before anything is built.

    Raises:
        UserError: the weights are none, or for other classes.
        UnknownNameError: timm knows no such network.
    """
    if not library.is_model(name):
        known = library.list_models()
        hint = did_you_mean(name, known) or f"It has {', '.join(known[:3])} and {len(known) - 3:,} others."
        raise UnknownNameError(f"timm has no classifier {name!r}. {hint}")
    if weights not in (None, "DEFAULT"):
        raise UserError(f"timm's weights are DEFAULT or null, got {weights!r}; a tag belongs to the name: {name}.TAG")
    classes = library.get_pretrained_cfg(name).num_classes
    if weights is not None and classes != num_classes:
        raise UserError(
            f"the weights of {name} are for {classes} classes, the data has {num_classes}; use weights=null and train "
            "it, or give teacher.checkpoint=FILE"
        )
