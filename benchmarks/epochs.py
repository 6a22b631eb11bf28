"""python -m benchmarks.epochs: epochs per hour of every CIFAR pair: a plain student, KD written naively, KD here.

From the time of single steps, in turns; an epoch has 704 of them: 45,000 images in batches of 64. With the store a
search asks its teacher in the first candidate's training only.
"""

from argparse import Namespace
from copy import deepcopy
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
import yaml

from benchmarks import naive, reporting
from benchmarks.networks import learner_step, networks
from uniads import options
from uniads.learner.frozen import Frozen
from uniads.options import conf_dir
from uniads.teacher.store import TeacherStore

STEPS = 704


def pairs() -> dict[str, tuple[str, str]]:
    """Teacher and student of each pair of networks for small images, by the pair's name."""
    found = {}
    for name in options("pair"):
        content = yaml.safe_load((conf_dir() / "pair" / f"{name}.yaml").read_text(encoding="utf-8"))
        chosen = {
            key: option for entry in content["defaults"] if isinstance(entry, dict) for key, option in entry.items()
        }
        teacher, student = chosen["/model@teacher.model"], chosen["/model@student"]
        if teacher not in ("resnet34", "resnet50"):
            found[name] = (teacher, student)
    return found


def pair_row(name: str, arguments: Namespace, folder: Path) -> reporting.Row:
    """Epochs per hour of one pair.

    Args:
        name: of the pair.
        arguments: with ``teacher``, ``student``, ``batch``, ``seed``, ``repeats`` and ``device``.
        folder: for a store.
    """
    device = arguments.device
    made = networks(arguments, 2 * arguments.batch, device)
    kd = made.distiller("kd")
    loader = made.data.train(arguments.batch, device)
    store = TeacherStore(Frozen(deepcopy(made.teacher)), folder / name, made.data.train(arguments.batch, device), (), 4)
    rows = {
        "plain, naive": naive.plain_step(made.own(), made.recipe),
        "KD, naive": naive.distillation_step(made.own(), made.teacher, deepcopy(kd), made.recipe),
        "KD": learner_step(made.own(), Frozen(deepcopy(made.teacher)), deepcopy(kd), made.recipe),
        "KD, store": learner_step(made.own(), store, deepcopy(kd), made.recipe),
    }
    times: dict[str, list[float]] = {each: [] for each in rows}
    batch = next(iter(loader))
    for turn in range(arguments.repeats + 1):
        for each, step in rows.items():
            begin = perf_counter()
            step(batch)
            if device == "cuda":
                torch.cuda.synchronize()
            if turn:
                times[each].append(perf_counter() - begin)
    return {"pair": name, **{each: 3600 / (STEPS * median(taken)) for each, taken in times.items()}}


def measured(only: str | None, arguments: Namespace) -> list[reporting.Row]:
    """The rows of all pairs, or of one.

    Args:
        only: a pair's name; None for all.
        arguments: as of ``pair_row``, without the networks.
    """
    chosen = {name: pair for name, pair in pairs().items() if only in (None, name)}
    if not chosen:
        raise SystemExit(f"--only {only} is no pair of small networks; there are {', '.join(pairs())}")
    with TemporaryDirectory() as folder:
        return [
            pair_row(name, Namespace(**vars(arguments) | {"teacher": teacher, "student": student}), Path(folder))
            for name, (teacher, student) in chosen.items()
        ]


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=2, threads=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--only", help="one pair, such as wrn40_2-wrn16_2")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = measured(arguments.only, arguments)
    reporting.show(f"epochs per hour, batch {arguments.batch}, {arguments.threads} threads", rows)
    reporting.save("benchmarks.epochs", arguments, rows, unit="epochs per hour", steps=STEPS)


if __name__ == "__main__":
    main()
