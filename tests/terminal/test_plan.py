"""What a run will take is said before anything is trained."""

import re
from pathlib import Path

import pytest

from tests.journey import LIGHTNING, SMALL, Commands, small
from uniads import train
from uniads.model.base import count_params
from uniads.search import __main__ as search
from uniads.terminal.plan import Step, describe_plan, format_bytes, format_seconds
from uniads.training.parts import load_data
from uniads.training.timing import count_steps, time_student, time_teacher

pytestmark = LIGHTNING
SHAPE = {"num_classes": 4, "in_channels": 1}
TIME = r"\d+:\d\d:\d\d"


def test_a_plan_adds_its_parts_up() -> None:
    lines = describe_plan([Step("teacher", "6 epochs", 60), Step("search", "8 epochs", 3661.2)], 2.5e9, "runs")
    assert lines == [
        "plan     teacher: 6 epochs, about 0:01:00",
        "         search: 8 epochs, about 1:01:01",
        "         in all, about 1:02:01 and 2.5 GB in runs, judged by a few timed steps",
    ]


def test_times_and_sizes_are_written_in_their_units() -> None:
    assert [format_seconds(seconds) for seconds in (0.2, 59.6, 90000)] == ["0:00:01", "0:01:00", "1 day, 1:00:00"]
    assert [format_bytes(count) for count in (12, 3.2e4, 5e6, 7.25e9)] == ["12 B", "32 kB", "5 MB", "7.2 GB"]


def test_an_epoch_has_as_many_steps_as_the_trainer_makes(tmp_path: Path) -> None:
    settings = small(tmp_path)
    data = load_data(settings)
    assert count_steps(settings, data) == 18
    assert count_steps(small(tmp_path, "trainer.limit_train_batches=5"), data) == 5
    assert count_steps(small(tmp_path, "trainer.limit_train_batches=0.5"), data) == 9


def test_timing_costs_what_is_trained_and_asked(tmp_path: Path) -> None:
    settings, alone = small(tmp_path), small(tmp_path, "distiller=plain")
    data = load_data(settings)
    taught, plain = time_student(settings, data), time_student(alone, data)
    assert taught.seconds > 0
    assert taught.teacher_seconds > 0
    assert (plain.teacher_seconds, plain.teacher_bytes) == (0, 0)
    assert taught.checkpoint_bytes == plain.checkpoint_bytes == 2 * 4 * count_params(settings.chosen_student(**SHAPE))
    assert taught.teacher_bytes > 288 * 4 * (4 + 64), "logits and embedding of each training image at least"
    assert time_teacher(settings, data, settings.teacher.chosen_model) > 0


@pytest.mark.parametrize(
    ("main", "extra", "parts"),
    [
        (train.main, (), ["teacher: ResNet, 5 epochs", "student: 3 epochs"]),
        (
            search.main,
            ("search=tiny", "launcher=basic"),
            ["teacher: ResNet, 5 epochs", "search: 4 candidates", "final: 3"],
        ),
    ],
    ids=["train", "search"],
)
def test_a_plan_is_printed_and_nothing_is_trained(
    main: object, extra: tuple[str, ...], parts: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ended = Commands(monkeypatch, capsys)(main, *SMALL, *extra, "plan=true", "hydra.run.dir=run")  # type: ignore[arg-type]
    assert ended.code == 0, ended.error
    for part in parts:
        assert re.search(rf"(plan    |        ) {re.escape(part)}.*, about {TIME}", ended.out), ended.out
    assert re.search(rf"in all, about {TIME} and [\d.]+ [kM]B in \S*run, judged by a few timed steps", ended.out)
    left = [file.name for file in tmp_path.rglob("*") if file.is_file() and ".hydra" not in file.parts]
    assert [name for name in left if not name.endswith(".log")] == []
