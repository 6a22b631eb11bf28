"""Whether an accuracy is that of a network that guesses. It needs no framework."""

from math import sqrt


def is_at_chance(acc1: float, classes: int, images: int) -> bool:
    """Whether an accuracy can't be told from guessing: it is at most three standard errors above 1 / classes.

    Args:
        acc1: measured on the images, 0 to 1.
        classes: number of classes.
        images: n; a standard error is sqrt(p (1 - p) / n) with p = 1 / classes.
    """
    guess = 1 / classes
    return acc1 - guess <= 3 * sqrt(guess * (1 - guess) / images)


def warn_of_chance(who: str, acc1: float | None, classes: int, images: int) -> list[str]:
    """A warning, as lines, where a network guesses; no line where it does not, or was not measured.

    Args:
        who: the network, as a subject.
        acc1: measured on the images, 0 to 1; None where it was not.
        classes: number of classes.
        images: number of images.
    """
    if acc1 is None or not is_at_chance(acc1, classes, images):
        return []
    level = f"chance level ({1 / classes:.2%} for {classes} classes)"
    return [f"warning: {who} is at {level}: it has learned nothing yet"]
