"""The command that trains a candidate again."""

import shlex

import pytest

from uniads.bridge.reproduce import build_command, build_overrides
from uniads.search.trial import Trial


@pytest.mark.parametrize(("epochs", "stop"), [(3, ["stop_epoch=3"]), (8, [])])
def test_a_candidate_stops_where_its_rung_ends(epochs: int, stop: list[str]) -> None:
    trial = Trial("c0000", (0,), ("student.width=2",), 0, 0, epochs, 17)
    overrides = build_overrides(["data=fake"], trial, data_seed=5, schedule_epochs=8)
    assert overrides == ["data=fake", "student.width=2", "seed=17", "data.seed=5", "epochs=8", *stop, "test=false"]


def test_a_shell_reads_the_overrides_back() -> None:
    overrides = ["data.image_size=[1,8,8]", "paths.run_dir='a b'"]
    assert shlex.split(build_command(overrides)) == ["python", "-m", "uniads.train", *overrides]
