"""Which of the texts' commands can run here, and how they are made short."""

import sys
from pathlib import Path

from tests.docs.commands import ROOT, Command
from tests.journey import RECORDED

ABSENT = {
    "data=cifar100": "needs CIFAR-100",
    "data=imagenet": "needs ImageNet",
    "data=imagefolder": "needs images in folders",
    "experiment=": "needs CIFAR-100 or ImageNet",
    "checkpoint=": "needs the file of a training",
    "directory=": "needs the folder of a search",
    "compile=graphs": "needs a GPU",
    "sweep.results": "needs the results of a sweep",
    "...": "is an example of what a reader writes",
}
"""Parts of command lines that can't run here."""


NO_POPULATION = (
    "search=random", "search=fidelity", "search=hyperband", "search=tpe", "search=regularized_evolution",
    "search=diswot", "algorithm=random",
)  # fmt: skip
"""Searches without NSGA-II: a population that nothing reads is refused."""


def why_not(command: Command) -> str:
    """Why a command can't run here; empty if it can."""
    if not command.overrides:
        return "is a mention, without the arguments that it needs"
    return next((why for part, why in ABSENT.items() if part in command.text), "")


def shortened(command: Command, folder: Path, directory: Path, teachers: Path) -> list[str]:
    """A command with what makes it short, as arguments of a process.

    Args:
        command: one that ``why_not`` says nothing against.
        folder: stands for FOLDER.
        directory: stands for DIR and is where the command writes.
        teachers: where teachers are kept for other commands.
    """
    stands_for = {
        "benchmarks/ledgers": str(RECORDED.parent),  # before FILE, which is put there
        "FOLDER": str(folder),
        "DIR": str(directory / "run"),
        "FILE": str(RECORDED),
        "URL": f"sqlite:///{directory / 'optuna.db'}",
        "examples/": f"{ROOT / 'examples'}/",
    }
    words = ["-m", "uniads", *command.words[1:]] if command.words[0] == "uniads" else list(command.words[1:])
    for placeholder, value in stands_for.items():
        words = [word.replace(placeholder, value) for word in words]
    if "--cfg" in words:
        return [sys.executable, *words]
    places = [f"paths.output_dir={directory / 'outputs'}", f"paths.teacher_dir={teachers}"]
    return [
        sys.executable,
        *words,
        *{"compare": ["seeds=2"], "export": []}.get(command.name, [*places, *short(command)]),
    ]


def short(command: Command) -> list[str]:
    """Overrides that make a training or a search short."""
    if command.name == "sweep":
        return []
    training = [
        "epochs=2",
        "threads=1",
        "teacher.stop_epoch=1",
        "trainer.limit_train_batches=3",
        "chance=null",
        "logger=csv",
    ]
    if "debug=default" in command.words:
        training.remove("logger=csv")
    return training if command.name == "train" else [*training, *short_search(command)]


def short_search(command: Command) -> list[str]:
    """Overrides that make a search short."""
    few = [
        "search.candidates=3",
        "search.population=2",
        "search.max_params=null",
        "final=false",
        "report=false",
        "hydra.launcher.n_jobs=1",
    ]
    if "launcher=basic" in command.words:
        few.remove("hydra.launcher.n_jobs=1")
    text = command.text
    if any(budget in text for budget in NO_POPULATION):
        few.remove("search.population=2")
    if "search=diswot" in text:
        return [*few, "search.algorithm.samples=4", "search.schedule.epochs=1", "search.offspring=2"]
    if "search=hyperband" in text:
        return [*few, "search.schedule.epochs=3"]
    full = ("search=nsga2", "search=random", "search=regularized_evolution")
    if any(budget in text for budget in full) and "schedule=halving" not in text:
        return [*few, "search.schedule.epochs=1", "search.offspring=3"]
    return [*few, "search.offspring=3", "search.rungs=[1,2]", "search.quotas=[3,2]"]
