"""What a teacher said, stored: the same bits as a live teacher's, computed once for everybody."""

import multiprocessing
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, small
from uniads.fit import batches_key, fit, parts_for
from uniads.frozen import Frozen, TeacherStore, stored_bytes
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network

pytestmark = LIGHTNING
SEARCHED = (
    "distiller=searched",
    "trial=true",
    "distiller.feature.tap=1",
    "transform@distiller.feature.transform.first=mask",
)


class Counting(Network):
    """Says the image back, and counts the batches that it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, image: torch.Tensor) -> Knowledge:
        self.asked += 1
        return Knowledge((image,), image.flatten(1), image.mean((2, 3)))


def fill(directory: str, epoch: int) -> int:
    """Ask a store of its own for an epoch; returns how often its teacher was asked."""
    torch.set_num_threads(1)
    return asked(Path(directory), epoch)


def asked(directory: Path, epoch: int) -> int:
    from uniads import build

    data = build("data", "fake", image_size=[1, 8, 8], train_size=80)
    teacher = Counting()
    store = TeacherStore(Frozen(teacher), directory, data.train(16), features=True)
    batches = data.train(16)
    batches.set_epoch(epoch)
    for batch in batches:
        known = store(batch, epoch)
        assert torch.equal(known.features[0], batch.image)
        assert torch.equal(known.embedding, batch.image.flatten(1))
    return teacher.asked


def test_an_epoch_is_computed_once_for_all_who_ask(tmp_path: Path) -> None:
    assert asked(tmp_path, 0) == 5
    assert asked(tmp_path, 0) == 0
    assert asked(tmp_path, 1) == 5
    assert sorted(file.name for file in tmp_path.glob("*.pt")) == ["epoch-0000.pt", "epoch-0001.pt"]
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert sorted(pool.starmap(fill, [(str(tmp_path), 0), (str(tmp_path), 0)])) == [0, 5]


@pytest.mark.parametrize("distiller", [("distiller=kd",), SEARCHED])
@pytest.mark.parametrize("gigabytes", [4, 0])
def test_a_stored_teacher_trains_to_the_same_bits(
    distiller: tuple[str, ...], gigabytes: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = (f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}", *distiller, "trial=true")
    live = fit(small(tmp_path / "live", *shared))
    store = (f"teacher_store.directory={tmp_path / 'store'}", f"teacher_store.max_gb={gigabytes}")
    kept = [fit(small(tmp_path / name, *shared, *store)) for name in ("first", "second")]
    for outcome in kept:
        assert (outcome.val_loss, outcome.train_loss) == (live.val_loss, live.train_loss)
    weights = [torch.load(tmp_path / name / "last.ckpt", weights_only=False) for name in ("live", "first", "second")]
    for other in weights[1:]:
        assert all(torch.equal(value, other["state_dict"][name]) for name, value in weights[0]["state_dict"].items()
                   if isinstance(value, torch.Tensor))  # fmt: skip
    # Without room for feature maps a distiller that looks at them asks the live teacher.
    stored = len(list((tmp_path / "store").glob("*/*.pt")))
    assert stored == (0 if gigabytes == 0 and distiller is SEARCHED else 3)


def test_a_store_belongs_to_one_teacher_and_one_order_of_images(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    plain = small(tmp_path, shared)
    teacher = parts_for(plain).teacher
    assert teacher
    key = batches_key(plain, teacher)
    for other in ("data.seed=1", "recipe.batch_size=8", "data.fraction=0.5", "data.holdout=false", "data.padding=0"):
        assert batches_key(small(tmp_path, shared, other), teacher) != key
    for same in ("student.width=2", "recipe.lr=0.1", "distiller.logits.tau=1", "epochs=2", "data.seed=0"):
        assert batches_key(small(tmp_path, shared, same), teacher) == key


def test_the_size_of_a_store_is_counted_before_it_is_made(tmp_path: Path) -> None:
    asked(tmp_path, 0)
    image = torch.zeros(2, 1, 8, 8)
    counted = stored_bytes(Counting()(image), images=72, epochs=1)
    written = (tmp_path / "epoch-0000.pt").stat().st_size
    assert counted == 72 * 4 * (64 + 64 + 1)
    assert counted <= written < counted + 5000


def test_a_batch_is_found_by_the_index_of_its_images(tmp_path: Path) -> None:
    from uniads import build

    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16)
    store = TeacherStore(Frozen(Counting()), tmp_path, loader, features=False)
    whole = next(iter(loader))
    turned = Batch(*(part.flip(0) for part in whole))
    assert torch.equal(store(turned, 0).embedding, store(whole, 0).embedding.flip(0))
    assert store(whole, 0).features == ()
