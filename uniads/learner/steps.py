"""How many steps an epoch has."""

from math import ceil, isinf

from pytorch_lightning import Trainer

from uniads.error import UserError


def count_steps(trainer: Trainer) -> int:
    """Steps of the optimizer in an epoch of a training that is about to begin.

    Raises:
        UserError: the loader does not say how many batches it has.
    """
    _ = trainer.estimated_stepping_batches  # which makes the trainer read the loader
    if isinf(trainer.num_training_batches):
        raise UserError(
            "a warm-up or a cosine needs to know how many batches an epoch has, and the loader has no length; give it "
            "a __len__, or set recipe.schedule=multistep recipe.warmup=0"
        )
    return max(1, ceil(trainer.num_training_batches / trainer.accumulate_grad_batches))
