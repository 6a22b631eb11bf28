"""python -m benchmarks.accuracy: what each speed trick does to the numbers of one batch, and to a training's result.

First table: one batch, the trained teacher and an untrained student, against float32 without channels last. ``logits``
is the largest deviation of the teacher's by the largest of them, ``loss`` and ``gradient`` the student's relative
deviations, the gradient's by its norm. In float32, too, a single activation that rounding moves across a ReLU's zero
changes the gradient by about 1e-3.

Second table: a training a row for each of ``--repeats`` seeds, all taught by one teacher and judged on the validation
split; the test set is never read. ``difference`` is the mean over the seeds of a row's value less the first row's of
the same seed, ``95%`` half its interval by Student's t; ``std`` is the values' own, over the seeds. Without channels
last sums are taken in another order and nothing else changes: that row is what rounding alone does. A store in float32
changes no bit.

All else is said as to ``python -m uniads.train``, and holds for every row: ``distiller=searched``, or ``data=cifar100
data.fraction=0.1``. As it is, on the digits, it takes about ten minutes on one core.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks import naive, reporting
from uniads import configure
from uniads.learner.compiling import can_compile
from uniads.outcome import Outcome
from uniads.report.interval import half_interval
from uniads.training.fit import fit
from uniads.training.parts import build_parts

Tricks = dict[str, tuple[str, ...]]
"""The overrides of each row."""

BASE = "live teacher, float32"
NAIVE = "no channels last"
TAUGHT = ("teacher.recipe.epochs=20", "teacher.recipe.milestones=[12,16]")
"""A teacher that is better than its students, and is trained in time."""
STORE = "teacher_store.directory=${paths.run_dir}/store"
ROUNDING: Tricks = {
    BASE: (),
    NAIVE: (),
    "store, float32": (STORE,),
    "store, float16": (STORE, "teacher_store.dtype=float16"),
    "teacher in bfloat16": ("teacher.dtype=bfloat16",),
    "bf16-mixed": ("trainer.precision=bf16-mixed",),
}
"""What rounds in another way; the first trains the teacher. No key switches channels last off: see ``layout``."""
COMPILED: Tricks = {"compiled teacher": ("teacher.compile=true",)}
VIEWS = (8, 4, 2, 1)
MEASURES = ("val_loss", "val_acc1")


class Numbers(NamedTuple):
    """What one step computes."""

    logits: Tensor
    loss: Tensor
    gradient: Tensor


def shared(arguments: Namespace, folder: Path) -> list[str]:
    """The overrides of every training: a quiet one that reads no test set, with teachers in a folder."""
    return [
        f"+model@teacher.model={arguments.teacher}", f"+model@student={arguments.student}",
        f"epochs={arguments.epochs}", f"threads={arguments.threads}", f"seed={arguments.seed}", "trial=true",
        "chance=null", "compile=false", "teacher.compile=false",
        "teacher.dtype=float32", f"paths.teacher_dir={folder}", *TAUGHT,
        *arguments.overrides,
    ]  # fmt: skip


def layout(name: str) -> AbstractContextManager[None]:
    """The memory layout that a row is measured under."""
    return naive.switched_off("optimizer", "store", "composition") if name == NAIVE else nullcontext()


def numbers(name: str, overrides: Sequence[str]) -> Numbers:
    """The teacher's logits of the first batch, and the student's loss and gradient."""
    with TemporaryDirectory() as folder, layout(name):
        settings = configure(*overrides, f"paths.run_dir={folder}")
        parts, device = build_parts(settings), settings.trainer.device
        learner = parts.learner.to(device)
        if learner.teacher is None:
            raise SystemExit("this distiller asks no teacher, so none of the teacher's tricks could be seen; try kd")
        learner.on_train_epoch_start()
        batch = next(iter(parts.data.train(settings.recipe.batch_size, device)))
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.trainer.facts["precision"] == "bf16-mixed"):
            logits = learner.teacher(batch, 0).logits
            loss = learner.training_step(batch, 0)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
    slopes = [weight.grad.flatten() for weight in learner.student.parameters() if weight.grad is not None]
    return Numbers(logits.double(), loss.detach().double(), torch.cat(slopes).double())


def deviations(common: list[str], tricks: Tricks) -> list[reporting.Row]:
    """How far each trick's numbers are from those of float32 without channels last."""
    found = {name: numbers(name, [*common, *own]) for name, own in tricks.items()}
    true = found.pop(NAIVE)
    return [
        {
            "one batch": name,
            "logits": float((mine.logits - true.logits).abs().max() / true.logits.abs().max()),
            "loss": float((mine.loss - true.loss).abs() / true.loss.abs()),
            "gradient": float((mine.gradient - true.gradient).norm() / true.gradient.norm()),
            "1 - cosine": 1 - float(torch.cosine_similarity(mine.gradient, true.gradient, dim=0)),
        }
        for name, mine in found.items()
    ]


def trained(name: str, overrides: Sequence[str]) -> Outcome:
    """One training, of which nothing is kept but its numbers."""
    with TemporaryDirectory() as folder, layout(name):
        outcome = fit(configure(*overrides, f"paths.run_dir={folder}"))
    if outcome.rejected:
        raise SystemExit(f"{name}: the training was stopped: {outcome.rejected}")
    return outcome


def viewed(epochs: int) -> Tricks:
    """Rows with fixed views, as long as these are fewer than the epochs."""
    if left := [views for views in VIEWS if views >= epochs]:
        print(f"data.views={','.join(map(str, left))} left out: in {epochs} epochs no view would come back")
    return {f"data.views={views}": (f"data.views={views}",) for views in VIEWS if views < epochs}


def differences(outcomes: Mapping[str, Sequence[Outcome]]) -> list[reporting.Row]:
    """Mean and spread of each row, and its difference to the first row, paired by seed."""
    rows: list[reporting.Row] = []
    for measure in MEASURES:
        values = {name: [float(getattr(each, measure)) for each in mine] for name, mine in outcomes.items()}
        for name, mine in values.items():
            apart = [value - base for value, base in zip(mine, values[BASE], strict=True)]
            half = half_interval(apart)
            assert half is not None
            summary = {"mean": mean(mine), "std": stdev(mine), "difference": mean(apart), "95%": half, "n": len(mine)}
            rows.append({"training": name, "measure": measure, **summary})
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=10, threads=1)
    parser.add_argument("--teacher", default="resnet20")
    parser.add_argument("--student", default="resnet8")
    parser.add_argument("--epochs", type=int, default=12, help="of each student")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave out the compiled teacher")
    parser.add_argument("overrides", nargs="*", help="as of python -m uniads.train: data=cifar100 distiller=searched")
    arguments = parser.parse_args()
    if arguments.repeats < 2:
        parser.error("--repeats must be 2 or more, or there is no spread to compare with")
    with TemporaryDirectory() as folder:
        common = shared(arguments, Path(folder))
        compiled: Tricks = COMPILED if arguments.compile and can_compile() else {}
        batch = deviations(common, ROUNDING | compiled)
        reporting.show(f"relative deviation from {NAIVE}", batch)
        rows = ROUNDING | viewed(arguments.epochs)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in rows}
        for seed in range(arguments.seed, arguments.seed + arguments.repeats):
            for name, own in rows.items():
                outcomes[name].append(trained(name, [*common, f"seed={seed}", *own]))
            print(f"seed {seed} is done", flush=True)
    teacher = outcomes[BASE][0].teacher_val_acc1
    measured = differences(outcomes)
    title = f"{arguments.teacher} (acc1 {teacher:.4f}) to {arguments.student}, {arguments.epochs} epochs"
    reporting.show(f"{title}: difference to {BASE}, paired by seed", measured)
    short = [reporting.rounded_row(row) for row in batch]
    reporting.save("benchmarks.accuracy", arguments, measured, batch=short, teacher_val_acc1=teacher)


if __name__ == "__main__":
    main()
