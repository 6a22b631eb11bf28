"""The first lines of a run: what it works on, and how to change that."""

from omegaconf import DictConfig

from uniads.data.base import Data
from uniads.model.base import count_params
from uniads.options import options
from uniads.report.wandb import has_key
from uniads.teacher import Teacher


def data_lines(data: Data, batch_size: int) -> list[str]:
    """The data set, its size, and the others that there are."""
    name = type(data).__name__
    height, width = data.size
    held = "held out for validation" if data.holdout else "of them for validation: nothing is held out"
    return [
        f"data     {name}: {data.channels}x{height}x{width} images of {data.num_classes} classes, "
        f"{len(data.train(batch_size).index):,} to train on, {len(data.val(batch_size).index):,} {held}",
        f"         another set: data={'|'.join(options('data'))}; "
        "the test set is read once, at the end of a full training",
    ]


def teacher_line(cfg: DictConfig, teacher: Teacher, acc1: float) -> str:
    """The teacher, its size and accuracy, and where its weights are from."""
    source = "trained just now, kept in" if teacher.trained else "from"
    return (
        f"teacher  {cfg.teacher.model._target_.rpartition('.')[2]}: {count_params(teacher.network):,} parameters, "
        f"validation accuracy {acc1:.2%} ({source} {teacher.file})"
    )


def logging_line() -> str:
    """Whether W&B is online."""
    return "logging  W&B online" if has_key() else "logging  W&B offline (no key found); wandb sync uploads it later"
