"""One training: the same again, in pieces as in one, and stopped when it is hopeless."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.journey import LIGHTNING, small
from uniads.learner.kept import read_kept
from uniads.model import checkpoint
from uniads.outcome import Outcome
from uniads.training.fit import fit

pytestmark = LIGHTNING
RANDOM = (
    "distiller=searched", "transform@distiller.feature.transform.first=mask",
    "transform@distiller.embedding.transform.first=drop", "distiller.logits.tau=4",
)  # fmt: skip


@pytest.fixture
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where all tests of a session keep their teachers."""
    return f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"


def trained(directory: Path, *overrides: str) -> Outcome:
    return fit(small(directory, "trial=true", *overrides))


def weights(directory: Path) -> dict[str, Tensor]:
    state = torch.load(directory / "last.ckpt", weights_only=False)["state_dict"]
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def same(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_the_last_epoch_is_kept_where_an_earlier_one_was_the_best(tmp_path: Path, teachers: str) -> None:
    settings = small(tmp_path / "run", teachers, "distiller=plain", "recipe.epochs=6")
    outcome = fit(settings)
    assert outcome.best_epoch is not None
    assert outcome.best_epoch < 6  # all images are told apart before, and no later epoch is better
    last, best = (read_kept(tmp_path / "run" / name) for name in ("last.ckpt", "best.ckpt"))
    assert (last["epochs"], best["epochs"]) == (6, outcome.best_epoch)
    for file, exported in (("last.ckpt", "student.pt"), ("best.ckpt", "student_best.pt")):
        mine, wanted = (checkpoint.read(tmp_path / "run" / name)["model"] for name in (file, exported))
        assert all(torch.equal(value, wanted[name]) for name, value in mine.items())
    again = fit(settings)
    assert (again.best_epoch, again.val_acc1) == (outcome.best_epoch, outcome.val_acc1)


@pytest.mark.parametrize("distiller", [("distiller=kd",), RANDOM])
def test_a_training_in_pieces_equals_one_in_one_go(distiller: tuple[str, ...], tmp_path: Path, teachers: str) -> None:
    whole = trained(tmp_path / "whole", teachers, *distiller)
    pieces = tmp_path / "pieces"
    first = trained(pieces, teachers, *distiller, "stop_epoch=1")
    torch.rand(7)  # whatever happens in between
    last = trained(pieces, teachers, *distiller, "stop_epoch=3")
    assert first.val_loss != whole.val_loss
    assert (last.val_loss, last.val_acc1, last.train_loss) == (whole.val_loss, whole.val_acc1, whole.train_loss)
    assert (first.epochs, last.epochs, whole.epochs) == (1, 3, 3)
    assert same(tmp_path / "whole", pieces)


@pytest.mark.slow
@pytest.mark.parametrize("distiller", [("distiller=kd",), RANDOM])
def test_three_epochs_and_five_more_are_eight(distiller: tuple[str, ...], tmp_path: Path, teachers: str) -> None:
    eight = (teachers, *distiller, "recipe.epochs=8", "recipe.milestones=[4,6]")
    whole = trained(tmp_path / "whole", *eight)
    trained(tmp_path / "pieces", *eight, "stop_epoch=3")
    last = trained(tmp_path / "pieces", *eight)
    assert (last.val_loss, last.train_loss, last.epochs) == (whole.val_loss, whole.train_loss, 8)
    assert same(tmp_path / "whole", tmp_path / "pieces")


def test_a_piece_that_is_done_already_is_not_trained_again(tmp_path: Path, teachers: str) -> None:
    first = trained(tmp_path / "run", teachers)
    state = weights(tmp_path / "run")
    again = trained(tmp_path / "run", teachers)
    assert (again.val_loss, again.train_loss) == (first.val_loss, first.train_loss)
    assert all(torch.equal(value, weights(tmp_path / "run")[name]) for name, value in state.items())


def test_one_seed_gives_one_result_and_another_seed_another(tmp_path: Path, teachers: str) -> None:
    outcomes = [
        trained(tmp_path / name, teachers, *RANDOM, f"seed={seed}") for name, seed in zip("abc", (1, 1, 2), strict=True)
    ]
    assert outcomes[0].val_loss == outcomes[1].val_loss
    assert same(tmp_path / "a", tmp_path / "b")
    assert outcomes[0].val_loss != outcomes[2].val_loss


def test_the_data_seed_alone_decides_what_images_are_seen(tmp_path: Path, teachers: str) -> None:
    one, other = (trained(tmp_path / str(seed), teachers, "seed=1", f"data.seed={seed}") for seed in (0, 4096))
    assert one.val_loss != other.val_loss


def test_a_shorter_stop_is_a_piece_of_the_same_schedule(tmp_path: Path, teachers: str) -> None:
    early = trained(tmp_path / "early", teachers, "stop_epoch=1", "epochs=3")
    short = trained(tmp_path / "short", teachers, "stop_epoch=1", "epochs=3", "recipe.milestones=[1]")
    # A milestone after the first epoch has no say before its end.
    assert early.val_loss == short.val_loss


def test_a_healthy_training_is_not_stopped(tmp_path: Path, teachers: str) -> None:
    outcome = trained(tmp_path / "run", teachers)
    assert outcome.rejected is None
    assert outcome.val_acc1 is not None
    assert outcome.val_acc1 > 0.4


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("distiller=plain", "recipe.lr=1e6"), "training loss became (nan|inf)|above chance level"),
        (("distiller=searched", "distiller.feature.weight=1e30"), "training loss became (nan|inf)|above chance level"),
        (("distiller=plain", "recipe.lr=20"), "last quarter of the first epoch, above chance level 1.414"),
        (("distiller=kd", "distiller.logits.tau=16", "distiller.logits.weight=100"), "above chance level"),
    ],
)  # fmt: skip
def test_a_hopeless_training_is_stopped_with_its_reason(
    overrides: tuple[str, ...], reason: str, tmp_path: Path, teachers: str
) -> None:
    outcome = trained(tmp_path / "run", teachers, *overrides)
    assert outcome.rejected is not None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(outcome.rejected)
    assert 0 < outcome.epochs <= 1
    assert outcome.val_loss is None
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_an_infinite_loss_is_noticed_within_the_epoch(tmp_path: Path, teachers: str) -> None:
    outcome = trained(
        tmp_path / "run", teachers, "distiller=searched", "distiller.feature.weight=1e38", "distiller.feature.tau=16"
    )
    assert outcome.rejected is not None
    assert "training loss became" in outcome.rejected
    assert "in epoch 1" in outcome.rejected
    assert outcome.epochs < 1


@pytest.mark.parametrize("stop", [0, -1, 4])
def test_a_stop_outside_of_the_schedule_is_refused(stop: int, tmp_path: Path, teachers: str) -> None:
    with pytest.raises(ValueError, match=f"stop_epoch must be above 0 and at most epochs=3, got {stop}"):
        trained(tmp_path / "run", teachers, f"stop_epoch={stop}")


def test_a_gpu_that_is_not_there_is_missed_in_a_sentence(tmp_path: Path, teachers: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(
        ValueError, match=r"trainer\.accelerator=gpu asks for a GPU, and there is none; use auto or cpu"
    ):
        trained(tmp_path / "run", teachers, "trainer.accelerator=gpu")
