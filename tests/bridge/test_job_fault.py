"""A candidate pays for its own faults only: not for the machine's, nor for what another one left behind."""

import errno
import gc
import json
import os
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from uniads.bridge.job import Job, first_line
from uniads.bridge.machine import find_fault
from uniads.bridge.process_state import restored_state
from uniads.error import DamagedFileError, FullDiskError, MachineError, MissingFileError
from uniads.launcher.slip import Slip, set_aside
from uniads.notice import notify
from uniads.outcome import Outcome


class Silent(BaseException):
    """Its text can't be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


def answer(tmp_path: Path, error: BaseException | None) -> dict[str, Any]:
    """What a job answers whose training raises an error, or ends."""

    def train(cfg: Any) -> Outcome:
        if error is not None:
            raise error
        notify("a note")
        return Outcome(7, 1, 0, 0, 0.5, val_loss=0.25)

    Job(train)(OmegaConf.create({"paths": {"run_dir": str(tmp_path / "trials" / "c0000")}, "stop_epoch": 1}))
    found: dict[str, Any] = json.loads((tmp_path / "trials" / "c0000" / "answer-1.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("lone \udc80 surrogate"), r"ValueError: lone \udc80 surrogate"),
        (StopIteration(3), "StopIteration: 3"),
        (Silent(), "Silent: its message can't be shown: ValueError"),
        (GeneratorExit(), "the training raised GeneratorExit"),
        (RuntimeError("\x1b[31mred\x00"), r"RuntimeError: \x1b[31mred\x00"),
        (RuntimeError("\n\n  second\nthird"), "RuntimeError: second"),
        (SystemExit("x" * 99), "the training left with exit code xxxxxxxxxxxxxxxxxxxx"),
    ],
)  # fmt: skip
def test_whatever_an_error_says_is_recorded(error: BaseException, reason: str, tmp_path: Path) -> None:
    told = answer(tmp_path, error)["failed"]
    assert told == reason
    assert told.isprintable()
    (tmp_path / "row").write_text(told, encoding="utf-8")


def test_a_huge_message_is_cut() -> None:
    assert len(first_line(ValueError("x" * 10**7))) < 600


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(errno.ENOSPC, "full", "/dev/shm/torch_1"), FullDiskError, r"memory /dev/shm .*--shm-size.*workers=0"),
        (RuntimeError("unable to write to file </torch_1_2>: No space left on device (28)"), FullDiskError, "/dev/shm"),
        (RuntimeError("DataLoader worker: out of shared memory"), FullDiskError, "/dev/shm"),
        (OSError(errno.EDQUOT, "quota", "/data/x"), FullDiskError, "the disk of /data/x is full"),
        (RuntimeError("PytorchStreamWriter failed writing file"), FullDiskError, "the disk of .*trials is full"),
        (OSError(errno.EIO, "io", "/data/x"), MachineError, "the machine failed at /data/x"),
        (OSError(errno.EMFILE, "files"), MachineError, "Too many open files|the machine failed"),
        (MissingFileError("no checkpoint at t.pt"), MachineError, "no checkpoint at t.pt; mend that, then go on"),
        (DamagedFileError("t.pt is damaged"), MachineError, "t.pt is damaged; mend that"),
    ],
)  # fmt: skip
def test_a_fault_of_the_machine_is_raised_and_answers_nothing(
    error: BaseException, kind: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=text) as fault:
        answer(tmp_path, error)
    assert f"hydra.run.dir={tmp_path}" in str(fault.value)
    assert not (tmp_path / "trials" / "c0000" / "answer-1.json").exists()


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(2, "no", "mine"), MemoryError(), None, "text"])
def test_other_errors_are_no_fault_of_the_machine(error: object) -> None:
    assert find_fault(error, Path("trials")) is None


def test_what_was_said_is_in_the_answer(tmp_path: Path) -> None:
    assert answer(tmp_path, None)["notes"] == ["a note"]


def state() -> dict[str, Any]:
    return {
        "dtype": torch.get_default_dtype(), "device": torch.get_default_device(), "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(), "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(), "cast": torch.is_autocast_enabled("cpu"),
        "cast dtype": torch.get_autocast_dtype("cpu"), "precision": torch.get_float32_matmul_precision(),
        "cudnn": torch.backends.cudnn.enabled, "benchmark": torch.backends.cudnn.benchmark,
        "mkldnn": torch.backends.mkldnn.enabled, "draw": torch.get_rng_state().tolist(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "denormal": float(torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32, device="cpu") * 0.5),
        "numpy": np.random.get_state()[1].tolist(), "errors": np.geterr(), "python": random.getstate(),  # type: ignore[index]
        "filters": list(warnings.filters), "place": os.getcwd(), "environment": dict(os.environ), "gc": gc.isenabled(),
    }  # fmt: skip


def spoil(tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.enabled = False
    torch.backends.cudnn.benchmark = True
    torch.backends.mkldnn.enabled = False
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    np.random.seed(99)
    np.seterr(all="raise")
    random.seed(99)
    warnings.simplefilter("ignore")
    os.environ |= {"SPOILT": "1", "PATH": ""}
    os.environ.pop("HOME", None)
    os.chdir(tmp_path)
    gc.disable()


def test_a_job_leaves_its_process_as_it_found_it(tmp_path: Path) -> None:
    before = state()
    with restored_state():
        spoil(tmp_path)
    after = state()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", '{"failed": 3}', '{"reason": null}', "[" * 99_999, '{"outcome": {}, "reason": null}',
        '{"reason": null, "outcome": {"val_loss": "x"}, "seconds": 1}', '{"failed": "x", "more": 1}',
        '{"reason": null, "outcome": {"val_loss": true}, "seconds": 1}', '{"failed": "x", "key": "another"}',
        '{"reason": null, "outcome": [], "seconds": 1}', "\udc80",
    ],
)  # fmt: skip
def test_an_answer_that_is_none_counts_as_missing(text: str, tmp_path: Path) -> None:
    slip = Slip(tmp_path, 1)
    slip.write_claim("mine")
    slip.answer.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert slip.find() is None
    slip.write({"reason": None, "outcome": {"val_loss": float("nan")}, "seconds": 1})
    told = slip.find()
    assert told is not None
    assert told.key == "mine"


def test_a_folder_is_set_aside_under_the_first_free_name(tmp_path: Path) -> None:
    for expected in ("final-1", "final-2"):
        (tmp_path / "final").mkdir()
        assert set_aside(tmp_path / "final").name == expected
