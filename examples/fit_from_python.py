"""A whole training from Python, configured as on the command line.

``configure`` takes the overrides that ``python -m uniads.train`` takes, and works inside another Hydra application,
too. ``fit`` trains the teacher on its first use, keeps it, and then trains the student.

    python examples/fit_from_python.py
"""

from tempfile import TemporaryDirectory

import uniads

SMALL = (
    "+pair=resnet56-resnet20", "model@teacher.model=resnet14", "model@student=resnet8",
    "recipe.lr=0.05", "recipe.epochs=2", "recipe.milestones=[]",
    "teacher.recipe.lr=0.05", "teacher.recipe.epochs=2", "teacher.recipe.milestones=[]",
    "trainer.accelerator=cpu", "logger=csv", "callback=none", "+trainer.enable_progress_bar=false",
)  # fmt: skip
"""Smaller networks and shorter trainings than the pair's own, so that the example ends soon."""


def distill(name: str, folder: str) -> uniads.Outcome:
    """Train a student with a published distiller; call it wherever you like, another Hydra application included.

    Args:
        name: one of ``uniads.options("distiller")``.
        folder: where the teacher is kept, and the student written.
    """
    places = (f"paths.run_dir={folder}/{name}", f"paths.teacher_dir={folder}/teachers")
    return uniads.fit(uniads.configure(*SMALL, f"distiller={name}", *places))


def main() -> None:
    """Train two students of one teacher, and print what they reach."""
    with TemporaryDirectory() as folder:
        for name in ("kd", "dist"):
            outcome = distill(name, folder)
            print(
                f"{name}: student {outcome.params:,} parameters, test accuracy {outcome.test_acc1_last:.3f}, "
                f"teacher's validation accuracy {outcome.teacher_val_acc1:.3f}, {outcome.seconds:.1f} s"
            )


if __name__ == "__main__":
    main()
