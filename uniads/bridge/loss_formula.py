"""What a candidate minimises, in plain values that can be printed and drawn."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TermFormula:
    """One distillation term of a loss: a node, or a module with a formula of its own.

    Attributes:
        name: of the term.
        source: the kind of knowledge of a node; the class of a module.
        transforms: classes of its transforms, identities left out; none of a module.
        distance: class of its distance; empty for a module.
        weight: of the term.
        tau: its temperature; 1 for a module.
        tau_teacher: the teacher's temperature where it is another one.
        counted: by what each image counts; empty where all count the same.
        course: how the weight changes during the training; empty where it does not.
    """

    name: str
    source: str
    transforms: tuple[str, ...]
    distance: str
    weight: float
    tau: float
    tau_teacher: float | None = None
    counted: str = ""
    course: str = ""


@dataclass(frozen=True)
class LossFormula:
    """A loss.

    Attributes:
        text: the whole loss in one line.
        task: weight of the cross-entropy.
        terms: its distillation terms; none where the distiller is not composed of terms.
    """

    text: str
    task: float
    terms: tuple[TermFormula, ...]
