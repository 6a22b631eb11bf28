"""The final training of a search: its best candidate, with the full recipe on the whole training set."""

from hydra.types import RunMode
from rich.console import Console

from uniads.bridge.reproduce import quote
from uniads.bridge.training_settings import training_settings
from uniads.command.search_setup import Setup
from uniads.command.train import train
from uniads.launcher.slip import set_aside
from uniads.outcome import Outcome
from uniads.search import Trial
from uniads.terminal.console import print_lines
from uniads.training.directory import find_other
from uniads.training.identity import identify_training


def train_best(setup: Setup, best: Trial, console: Console) -> Outcome:
    """Train the chosen candidate with the full recipe on the whole training set, and test it."""
    directory = setup.settings.directory / "final"
    protocol = ("data.holdout=false", "test=true", "statistics=running", "dtype=float32")
    own = [*best.overrides, f"seed={best.seed}", *protocol, f"paths.run_dir={quote(directory)}"]
    cfg = setup.launch.loader.load_configuration("train", [*setup.launch.overrides, *own], RunMode.RUN)
    training = training_settings(cfg)
    if reason := find_other(directory, identify_training(training), training.stop_epoch):
        other = set_aside(directory)
        print_lines(console, [f"{directory} {reason}, so it is {other.name} now, and {best.candidate} is trained anew"])
    directory.mkdir(parents=True, exist_ok=True)
    title = f"final training of {best.candidate}: {training.schedule_epochs} epochs on the whole training set"
    console.rule(title, align="left")
    return train(training, console)
