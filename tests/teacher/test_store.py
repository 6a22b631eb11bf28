"""What a teacher said, stored: the same bits as a live teacher's, computed once for everybody."""

import multiprocessing
from pathlib import Path

import pytest
import torch

from tests.journey import LIGHTNING, small
from uniads import build
from uniads.distiller.taps import needed_taps
from uniads.knowledge import Batch, Knowledge
from uniads.teacher.source import answer_dtype, batches_key
from uniads.teacher.store import TeacherStore, storable_taps, storage_bytes
from uniads.training.fit import fit
from uniads.training.parts import build_parts

pytestmark = LIGHTNING
SEARCHED = (
    "distiller=searched",
    "trial=true",
    "distiller.feature.tap=1",
    "transform@distiller.feature.transform.first=mask",
)


class Echo:
    """A teacher that says the image back, and counts the batches that it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, batch: Batch, epoch: int) -> Knowledge:
        self.asked += 1
        image = batch.image
        return Knowledge((image, 2 * image[..., ::2, ::2]), image.flatten(1), image.mean((2, 3)))


def fill(directory: str, epoch: int) -> int:
    """Ask a store of its own for an epoch; returns how often its teacher was asked."""
    torch.set_num_threads(1)
    return asked(Path(directory), epoch)


def asked(directory: Path, epoch: int, taps: tuple[int, ...] = (0,)) -> int:
    data = build("data", "fake", image_size=[1, 8, 8], train_size=80)
    teacher = Echo()
    store = TeacherStore(teacher, directory, data.train(16), taps, count=2)
    batches = data.train(16)
    batches.set_epoch(epoch)
    for batch in batches:
        known = store(batch, epoch)
        if 0 in taps:
            assert torch.equal(known.features[0], batch.image)
        assert torch.equal(known.embedding, batch.image.flatten(1))
    return teacher.asked


def test_an_epoch_is_computed_once_for_all_who_ask(tmp_path: Path) -> None:
    assert asked(tmp_path, 0) == 5
    assert asked(tmp_path, 0) == 0
    assert asked(tmp_path, 1) == 5
    names = sorted(file.name for file in tmp_path.glob("*.pt"))
    assert names == [f"view-{view:04d}-{part}.pt" for view in (0, 1) for part in ("embedding", "feature0", "logits")]
    assert not list(tmp_path.glob("*.part"))


def test_a_part_that_nobody_needed_before_is_added_and_the_others_stay(tmp_path: Path) -> None:
    assert asked(tmp_path, 0, ()) == 5
    before = (tmp_path / "view-0000-logits.pt").stat().st_mtime_ns
    assert not list(tmp_path.glob("*feature*"))
    assert asked(tmp_path, 0, (0,)) == 5
    assert asked(tmp_path, 0, (0, 1)) == 5
    assert asked(tmp_path, 0, (1,)) == 0
    assert (tmp_path / "view-0000-logits.pt").stat().st_mtime_ns == before


def test_what_a_killed_process_left_half_written_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "view-0000-logits.part").write_bytes(b"torn")
    assert asked(tmp_path, 0) == 5
    (tmp_path / "view-0000-embedding.pt").unlink()
    assert asked(tmp_path, 0) == 5
    assert asked(tmp_path, 0) == 0
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
    stored = sorted(file.stem for file in (tmp_path / "store").glob("*/*.pt"))
    parts = ["embedding", *(["feature1"] if distiller is SEARCHED else []), "logits"]
    expected = [f"view-{view:04d}-{part}" for view in range(3) for part in parts]
    assert stored == ([] if gigabytes == 0 and distiller is SEARCHED else expected)


def test_a_store_belongs_to_one_teacher_and_one_order_of_images(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}"
    plain = small(tmp_path, shared)
    teacher = build_parts(plain).teacher
    assert teacher
    key = batches_key(plain, teacher)
    for other in ("data.seed=1", "recipe.batch_size=8", "data.fraction=0.5", "data.holdout=false", "data.padding=0"):
        assert batches_key(small(tmp_path, shared, other), teacher) != key
    fast = str(answer_dtype(small(tmp_path, shared, "teacher.dtype=auto"))).removeprefix("torch.")
    keys = {
        each: batches_key(small(tmp_path, shared, f"teacher.dtype={each}"), teacher)
        for each in ("float32", "auto", "bfloat16")
    }
    assert keys["auto"] == keys[fast], "another machine may choose another precision"
    assert keys["float32"] != keys["bfloat16"]
    for same in ("student.width=2", "recipe.lr=0.1", "distiller.logits.tau=1", "epochs=2", "data.seed=0"):
        assert batches_key(small(tmp_path, shared, same), teacher) == key


def test_the_size_of_a_store_is_counted_before_it_is_made(tmp_path: Path) -> None:
    asked(tmp_path, 0)
    image = torch.zeros(2, 1, 8, 8)
    counted = storage_bytes(Echo()(Batch(image, torch.zeros(2).long(), torch.arange(2)), 0), "float32")
    assert counted == {"logits": 4, "embedding": 256, "feature0": 256, "feature1": 64}
    for part in ("logits", "embedding", "feature0"):
        written = (tmp_path / f"view-0000-{part}.pt").stat().st_size
        assert counted[part] * 72 <= written < counted[part] * 72 + 3000


@pytest.mark.parametrize(
    ("dtype", "room", "taps"),
    [("float32", 0, ()), ("float32", 324, (1,)), ("float32", 580, (0, 1)), ("auto", 452, (0, 1)), ("auto", 290, ()),
     ("float16", 290, (0, 1))],
)  # fmt: skip
def test_feature_maps_are_kept_from_the_smallest_on_as_room_allows(
    dtype: str, room: int, taps: tuple[int, ...]
) -> None:
    knowledge = Knowledge((torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 4, 4)), torch.zeros(2, 64), torch.zeros(2, 1))
    assert storable_taps(knowledge, dtype, views=1000, max_gb=room * 1e-6 + 1e-9) == taps


@pytest.mark.parametrize(("dtype", "rounding"), [("float16", 2**-11), ("bfloat16", 2**-8), ("auto", 2**-11)])
def test_sixteen_bits_round_what_is_kept_and_read_as_float32(dtype: str, rounding: float, tmp_path: Path) -> None:
    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16)
    store = TeacherStore(Echo(), tmp_path, loader, (0,), 2, dtype)
    batch = next(iter(loader))
    known, live = store(batch, 0), Echo()(batch, 0)
    error = (known.features[0] - live.features[0]).abs()
    assert known.features[0].dtype == torch.float32
    assert error.max() > 0
    assert (error <= rounding * live.features[0].abs()).all()
    assert torch.equal(known.logits, live.logits) == (dtype == "auto")


def test_values_beyond_float16_are_kept_in_float32(tmp_path: Path) -> None:
    def loud(batch: Batch, epoch: int) -> Knowledge:
        return Knowledge((1e6 * batch.image,), batch.image.flatten(1), batch.image.mean((2, 3)))

    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16)
    batch = next(iter(loader))
    store = TeacherStore(loud, tmp_path, loader, (0,), 1, "auto")
    assert torch.equal(store(batch, 0).features[0], loud(batch, 0).features[0])


def test_an_unknown_dtype_is_named_with_those_allowed(tmp_path: Path) -> None:
    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16)
    with pytest.raises(ValueError, match=r"teacher_store.dtype must be one of float32, .*auto, got 'int8'"):
        TeacherStore(Echo(), tmp_path, loader, dtype="int8")


def test_a_batch_is_found_by_the_index_of_its_images(tmp_path: Path) -> None:
    loader = build("data", "fake", image_size=[1, 8, 8], train_size=80).train(16)
    store = TeacherStore(Echo(), tmp_path, loader, count=2)
    whole = next(iter(loader))
    turned = Batch(*(part.flip(0) for part in whole))
    assert torch.equal(store(turned, 0).embedding, store(whole, 0).embedding.flip(0))
    assert [value.numel() for value in store(whole, 0).features] == [0, 0]


def test_a_distiller_says_which_maps_it_needs() -> None:
    assert needed_taps(build("distiller", "kd"), 4) == ()
    assert needed_taps(build("distiller", "searched"), 4) == (3,)


@pytest.mark.parametrize("dtype", ["float16", "auto"])
def test_sixteen_bits_change_a_training_by_little(
    dtype: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = (f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}", *SEARCHED[:3], "epochs=1",
              "recipe.milestones=[]", "teacher.dtype=float32")  # fmt: skip
    live = fit(small(tmp_path / "live", *shared))
    store = (f"teacher_store.directory={tmp_path / 'store'}", f"teacher_store.dtype={dtype}")
    kept = fit(small(tmp_path / "kept", *shared, *store))
    # The terms round by 1e-3; a whole epoch of steps carries that on. Measured: 1.1e-3 in float16.
    assert kept.train_loss == pytest.approx(live.train_loss, rel=5e-3)
    assert kept.train_loss != live.train_loss


def test_with_few_views_a_whole_training_asks_the_teacher_once_a_view(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = (f"paths.teacher_dir={tmp_path_factory.getbasetemp() / 'teachers'}", "data.views=1", "test=false")
    own = fit(small(tmp_path / "own", *shared))
    assert not (tmp_path / "own" / "teacher_store").exists()
    store = tmp_path / "store"
    told = fit(small(tmp_path / "told", *shared, f"teacher_store.directory={store}"))
    assert sorted(file.name for file in store.glob("*/*.pt")) == ["view-0000-embedding.pt", "view-0000-logits.pt"]
    assert own.train_loss == told.train_loss
