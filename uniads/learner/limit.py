"""What a training can't be done with; found before anything is trained."""

from typing import Any

from pytorch_lightning import Trainer

from uniads.distiller.base import Distiller
from uniads.error import UserError
from uniads.knowledge import Batch
from uniads.recipe import Recipe


def check_mixing(recipe: Recipe, distiller: Distiller, key: str = "recipe") -> None:
    """Check that a distiller can learn from images that are mixed, if the recipe mixes them.

    Teacher and student both see the mixed image, so terms that compare what they say go on to mean the same. Those that
    look at an image's label or position do not: it has two.

    Args:
        recipe: of the training.
        distiller: what is learned with.
        key: of the recipe.

    Raises:
        UserError: it can't.
    """
    if recipe.mixes and distiller.views > 1:
        raise UserError(
            f"{key}.mixup and {key}.cutmix must be 0 with this distiller, which looks at two views of each image, got "
            f"{recipe.mixup:g} and {recipe.cutmix:g}"
        )
    if recipe.mixes and distiller.needs_batch:
        raise UserError(
            f"{key}.mixup and {key}.cutmix must be 0 with this distiller, which looks at the "
            f"labels or positions of images, got {recipe.mixup:g} and {recipe.cutmix:g}: a mixed image has two of each"
        )


def check_views(distiller: Distiller, batch: Batch) -> None:
    """Check that a batch to train on has all views of its images that a distiller looks at.

    Raises:
        UserError: it has not.
    """
    if batch.views < distiller.views:
        raise UserError(
            f"this distiller looks at {distiller.views} views of each image, and the batches have {batch.views}; take "
            "a loader with its second view, data.train(..., second_view=distiller.second_view), or a distiller "
            "without one, such as distiller.mlkd.strong=null"
        )


def check_trainer(recipe: Recipe, trainer: Trainer, key: str = "recipe") -> None:
    """Check that a trainer's way with gradients and precision fits the recipe.

    Args:
        recipe: of the training.
        trainer: Lightning's.
        key: of the recipe.

    Raises:
        UserError: it does not.
    """
    precision = str(trainer.precision)
    if recipe.optimizer == "dot" and trainer.gradient_clip_val:
        raise UserError(
            f"trainer.gradient_clip_val must be null with {key}.optimizer=dot, got {trainer.gradient_clip_val}: DOT "
            "has two gradients, and one alone would be clipped"
        )
    if recipe.optimizer == "dot" and precision == "16-mixed":
        raise UserError(
            f"trainer.precision can't be 16-mixed with {key}.optimizer=dot, whose second gradient would not be scaled "
            "back; use bf16-mixed"
        )
    if recipe.ema is not None and precision in ("16-true", "bf16-true"):
        raise UserError(
            f"trainer.precision can't be {precision} with {key}.ema: steps of the average vanish in half precision; "
            "use bf16-mixed"
        )


def check_loader(loaders: Any, most: int = 1) -> None:
    """Check that there is one loader.

    Args:
        loaders: what Lightning was given.
        most: so many in a list it takes for one.

    Raises:
        UserError: there are several, or a list of batches, which Lightning takes for several loaders.
    """
    if isinstance(loaders, list | tuple | dict) and len(loaders) > most:
        raise UserError(
            f"a learner takes one loader of batches, got a {type(loaders).__name__} of {len(loaders)}, which Lightning "
            "takes for that many loaders; give a DataLoader, or any object whose __iter__ yields the batches"
        )
