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


def describe_chance(who: str, classes: int) -> str:
    """That a network guesses.

    Args:
        who: the network, as a subject.
        classes: number of classes.
    """
    return f"{who} is at chance level ({1 / classes:.2%} for {classes} classes): it has learned nothing yet"
