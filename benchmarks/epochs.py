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
from benchmarks.networks import add_arguments, learner_step, networks
from uniads import options
from uniads.frozen import Frozen
from uniads.options import conf_dir
from uniads.teacher_store import TeacherStore

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


def measured(name: str, arguments: Namespace, folder: Path) -> reporting.Row:
    """Epochs per hour of one pair."""
    made = networks(arguments, 2 * arguments.batch)
    kd = made.distiller("kd")
    store = TeacherStore(Frozen(deepcopy(made.teacher)), folder / name, made.data.train(arguments.batch), (), 4)
    rows = {
        "plain, naive": naive.plain_step(made.own(), made.recipe),
        "KD, naive": naive.distillation_step(made.own(), made.teacher, deepcopy(kd), made.recipe),
        "KD": learner_step(made.own(), Frozen(deepcopy(made.teacher)), deepcopy(kd), made.recipe),
        "KD, store": learner_step(made.own(), store, deepcopy(kd), made.recipe),
    }
    times: dict[str, list[float]] = {each: [] for each in rows}
    batch = next(iter(made.data.train(arguments.batch)))
    for turn in range(arguments.repeats + 1):
        for each, step in rows.items():
            begin = perf_counter()
            step(batch)
            if turn:
                times[each].append(perf_counter() - begin)
    return {"pair": name, **{each: 3600 / (STEPS * median(taken)) for each, taken in times.items()}}


def main() -> None:
    """Measure, print, write."""
    parser = reporting.parser(__doc__, repeats=2, threads=2)
    add_arguments(parser)
    parser.add_argument("--only", help="one pair, such as wrn40_2-wrn16_2")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    chosen = {name: pair for name, pair in pairs().items() if arguments.only in (None, name)}
    if not chosen:
        raise SystemExit(f"--only {arguments.only} is no pair of small networks; there are {', '.join(pairs())}")
    rows = []
    with TemporaryDirectory() as folder:
        for name, (arguments.teacher, arguments.student) in chosen.items():
            rows.append(measured(name, arguments, Path(folder)))
    reporting.show(f"epochs per hour, batch {arguments.batch}, {arguments.threads} threads", rows)
    reporting.save("benchmarks.epochs", arguments, rows, unit="epochs per hour", steps=STEPS)


if __name__ == "__main__":
    main()
