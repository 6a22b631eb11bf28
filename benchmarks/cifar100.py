"""python -m benchmarks.cifar100 --minutes 9: train WRN-40-2, then distil WRN-16-2 from it, on CIFAR-100, in pieces.

The same command again goes on from the last checkpoint, until both trainings are whole: 240 epochs of the crd recipe,
on the whole training set. Then the test set is read, once, and the table holds both accuracies beside the published
ones. A piece that would not end in time is not begun. ``--data fake --epochs 2 --minutes 1`` tries it in a minute.
"""

import json
from argparse import Namespace
from pathlib import Path
from time import perf_counter

import torch

from benchmarks import reporting
from uniads import configure
from uniads.learner.loop import score
from uniads.model import checkpoint
from uniads.settings.training import TrainingSettings
from uniads.training.fit import fit
from uniads.training.parts import build_parts

PUBLISHED = {"wrn_40_2": 0.7561, "wrn_16_2": 0.7492}
"""Test accuracies of the CRD benchmark, arXiv:1910.10699, table 1: the teacher, and the student with KD."""


def settings_for(arguments: Namespace, network: str, *overrides: str) -> TrainingSettings:
    """The training of one network, whole or in pieces."""
    small = ["data.num_classes=100", "data.train_size=400", "data.test_size=100"] if arguments.data == "fake" else []
    shared = [
        f"+model@student={network}", f"data={arguments.data}", *small, "data.holdout=false", "recipe=crd",
        f"epochs={arguments.epochs}", f"paths.run_dir={arguments.directory / network}", "logger=csv", "callback=none",
        f"seed={arguments.seed}", f"trainer.precision={arguments.precision}", "test=false", "trial=true",
        f"threads={arguments.threads}",
    ]  # fmt: skip
    return configure(*shared, *overrides)


def progress(directory: Path) -> int:
    """Epochs that a training has had."""
    file = directory / "progress.json"
    return int(json.loads(file.read_text())["epochs"]) if file.exists() else 0


def trained(arguments: Namespace, network: str, end: float, *overrides: str) -> bool:
    """Train on, piece by piece, until it is whole or the time is over; returns whether it is whole."""
    directory = arguments.directory / network
    done, slowest = progress(directory), 0.0
    while done < arguments.epochs and perf_counter() + slowest < end:
        begin = perf_counter()
        outcome = fit(
            settings_for(arguments, network, f"stop_epoch={min(done + arguments.piece, arguments.epochs)}", *overrides)
        )
        if outcome.rejected:
            raise SystemExit(f"the training of {network} was stopped: {outcome.rejected}")
        done, slowest = int(outcome.epochs), max(slowest, perf_counter() - begin)
        (directory / "progress.json").write_text(json.dumps({"epochs": done}))
        print(f"{network}: {done} of {arguments.epochs} epochs, loss {outcome.train_loss:.3f}, last piece "
              f"{perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
    return bool(done == arguments.epochs)


def exported(arguments: Namespace, network: str, *overrides: str) -> float:
    """Write the trained network's weights, and read the test set, once; returns the accuracy."""
    directory = arguments.directory / network
    told = directory / "test.json"
    if not told.exists():
        settings = settings_for(arguments, network, *overrides)
        parts = build_parts(settings)
        state = torch.load(directory / "last.ckpt", map_location="cpu", weights_only=False)["state_dict"]
        mine = {key.removeprefix("student."): value for key, value in state.items() if key.startswith("student.")}
        parts.student.load_state_dict(mine)
        shape = {"num_classes": parts.data.num_classes, "in_channels": parts.data.channels}
        facts = {"config": dict(settings.chosen_student.facts), **shape}
        checkpoint.save(parts.student, directory / "student.pt", epoch="last", **facts)
        told.write_text(json.dumps(score(parts.learner, parts.data, "test", settings.trainer)))
    return float(json.loads(told.read_text())["acc1"])


def rows(arguments: Namespace) -> list[reporting.Row]:
    """Both trainings as far as the time allows."""
    end = perf_counter() + 60 * arguments.minutes
    teacher, student = "wrn_40_2", "wrn_16_2"
    found: list[reporting.Row] = []
    weights = arguments.directory / teacher / "student.pt"
    taught = (f"+model@teacher.model={teacher}", f"teacher.checkpoint={weights}", f"distiller={arguments.distiller}")
    for network, overrides in ((teacher, ("distiller=plain",)), (student, taught)):
        whole = trained(arguments, network, end, *overrides)
        test = exported(arguments, network, *overrides) if whole else None
        epochs = progress(arguments.directory / network)
        found.append(
            {
                "network": network,
                "epochs": f"{epochs} of {arguments.epochs}",
                "test acc1": "not yet" if test is None else test,
                "published": PUBLISHED[network],
            }
        )
        if not whole:
            print("the time is over; the same command goes on from here")
            break
    return found


def main() -> None:
    """Train, print, write."""
    parser = reporting.parser(__doc__, repeats=1, threads=2)
    parser.add_argument("--minutes", type=float, default=9.0, help="end before so many minutes")
    parser.add_argument("--data", default="cifar100", choices=["cifar100", "fake"])
    parser.add_argument("--distiller", default="kd")
    parser.add_argument("--epochs", type=int, default=240)
    parser.add_argument("--piece", type=int, default=5, help="epochs between checkpoints")
    parser.add_argument("--precision", default="32-true", help="Lightning's: 32-true or bf16-mixed")
    parser.add_argument("--directory", type=Path, default=Path("outputs/cifar100"), help="where to go on")
    arguments = parser.parse_args()
    measured = rows(arguments)
    reporting.show(f"{arguments.data}, {arguments.distiller}, {arguments.epochs} epochs", measured)
    reporting.save("benchmarks.cifar100", arguments, measured)


if __name__ == "__main__":
    main()
