"""Every pair of the tables: composed, built, distilled a step, and searched over its own student's family."""

import json
import re
from functools import cache
from math import isfinite
from pathlib import Path
from random import Random

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from tests.distiller.contexts import context_of
from tests.journey import LIGHTNING, Commands, Searched, configured, search_space
from uniads import options
from uniads.distiller.composed import Composed
from uniads.knowledge import Batch
from uniads.model.base import Network
from uniads.options import conf_dir
from uniads.search import __main__ as search
from uniads.search.space import SearchSpace
from uniads.teacher.training import published_acc1

pytestmark = [*LIGHTNING, pytest.mark.slow]
PAIRS = (
    "wrn40_2-wrn16_2", "resnet110-resnet20", "resnet110-resnet32", "resnet56-resnet20", "resnet32x4-resnet8x4",
    "vgg13-vgg8", "vgg13-mobilenetv2", "resnet32x4-shufflenetv2", "wrn40_2-shufflenetv1", "resnet34-resnet18",
    "resnet50-resnet18",
)  # fmt: skip
FAMILIES = (
    "wrn40_2-wrn16_2", "resnet56-resnet20", "vgg13-vgg8", "vgg13-mobilenetv2", "resnet32x4-shufflenetv2",
    "wrn40_2-shufflenetv1", "resnet34-resnet18",
)  # fmt: skip
"""One pair for each family of students."""
GENTLE = {"vgg13-mobilenetv2", "resnet32x4-shufflenetv2", "wrn40_2-shufflenetv1"}
SHAPE = {"num_classes": 10, "in_channels": 3}
STAGES = {"vgg8": 5, "mobilenetv2": 7, "resnet18": 4}


@cache  # composing takes longer than all else here
def searched(pair: str, *overrides: str) -> Searched:
    """The search command's space."""
    return search_space(f"+pair={pair}", *overrides, shape=SHAPE)


def values(space: SearchSpace) -> dict[str, tuple[object, ...]]:
    return {dimension.key: dimension.values for dimension in space.dimensions}


def network(config: DictConfig, in_channels: int = 3) -> Network:
    return instantiate(config, num_classes=10, in_channels=in_channels)


def student_of(found: Searched, genome: tuple[int, ...]) -> DictConfig:
    student = OmegaConf.create(dict(found.settings.training.chosen_student.facts))
    for key, value in found.space.point(genome).items():
        if key.startswith("student."):
            OmegaConf.update(student, key.removeprefix("student."), value)
    return student


def test_every_pair_is_here() -> None:
    assert set(options("pair")) == set(PAIRS)


@cache
def distillers() -> dict[str, DictConfig]:
    return {name: configured("+pair=resnet56-resnet20", f"distiller={name}").distiller for name in ("kd", "searched")}


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8)], ids=str)
@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_is_distilled_a_step(pair: str, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    batch = Batch(torch.randn(2, *shape), torch.tensor([0, 1]), torch.arange(2))
    training = searched(pair).settings.training
    assert training.pair == pair
    channels = {"num_classes": 10, "in_channels": shape[0]}
    teacher, student = training.teacher.chosen_model(**channels).eval(), training.chosen_student(**channels)
    with torch.no_grad():
        said = teacher(batch.image)
    for option, terms in {"kd": {"logits"}, "searched": {"feature", "embedding", "logits"}}.items():
        distiller = instantiate(distillers()[option])
        assert isinstance(distiller, Composed)
        distiller.adapt(context_of(student(batch.image), said))
        named = distiller(student(batch.image), said, batch)
        assert set(named) == terms
        assert all(isfinite(float(term.detach())) for term in named.values())
        sum(named.values()).backward()
        trained = [*student.parameters(), *distiller.parameters()]
        assert all(weight.grad is None or bool(weight.grad.isfinite().all()) for weight in trained)
        assert any(weight.grad is not None and bool(weight.grad.any()) for weight in student.parameters())


@pytest.mark.parametrize(
    ("pair", "student", "teacher"),
    [
        ("vgg13-mobilenetv2", 2, 4),
        ("resnet32x4-shufflenetv2", 4, 8),
        ("wrn40_2-shufflenetv1", 4, 8),
        ("vgg13-vgg8", 4, 4),
    ],
)
def test_maps_of_two_sizes_meet_at_the_smaller_one(pair: str, student: int, teacher: int) -> None:
    training = searched(pair).settings.training
    image = torch.randn(2, 3, 32, 32)
    ours, theirs = (model(**SHAPE)(image) for model in (training.chosen_student, training.teacher.chosen_model))
    assert (ours.features[-1].shape[-1], theirs.features[-1].shape[-1]) == (student, teacher)
    distiller = instantiate(distillers()["searched"])
    distiller.adapt(context_of(ours, theirs))
    align = distiller.nodes["feature"].align
    if ours.features[-1].shape == theirs.features[-1].shape:
        assert align is None
        return
    mine, other = align(ours.features[-1], theirs.features[-1])
    assert mine.shape == other.shape == (2, theirs.features[-1].shape[1], min(student, teacher), min(student, teacher))


@pytest.mark.parametrize("pair", PAIRS)
def test_genomes_are_legal_and_their_students_build(pair: str) -> None:
    found = searched(pair)
    # A block count a stage, the width, and four genes for each of three kinds of knowledge.
    assert len(found.space.dimensions) == STAGES.get(pair.split("-")[1], 3) + 1 + 12
    for genome in found.space.fill(8, Random(0)):
        assert found.space.repair(genome) == genome
        point = found.space.point(genome)
        config = student_of(found, genome)
        assert all(config.blocks[stage] == point[f"student.blocks.{stage}"] for stage in range(len(config.blocks)))
        assert found.students.count(point) > 1000
    genome = min(found.space.fill(8, Random(0)), key=lambda g: found.students.count(found.space.point(g)))
    for size in (32, 8):
        logits = network(student_of(found, genome)).eval()(torch.randn(2, 3, size, size)).logits
        assert logits.shape == (2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("pair", FAMILIES)
def test_the_narrowest_and_shallowest_student_distils_whatever_is_searched(pair: str) -> None:
    found = searched(pair)
    low = {key: 0 for key in values(found.space) if key.startswith("student.")}
    cfg = configured(f"+pair={pair}", "distiller=searched")
    student = network(student_of(found, found.space.repair(tuple(low.get(key, 0) for key in values(found.space)))))
    teacher = network(cfg.teacher.model).eval()
    batch = Batch(torch.randn(3, 3, 8, 8), torch.tensor([0, 1, 2]), torch.arange(3))
    with torch.no_grad():
        said = teacher(batch.image)
    for genome in found.space.fill(12, Random(1)):
        picks = [o for o in found.space.overrides(genome) if not o.startswith("student.")]
        distiller = instantiate(configured(f"+pair={pair}", "distiller=searched", *picks).distiller)
        distiller.adapt(context_of(student(batch.image), said))
        assert all(bool(term.isfinite()) for term in distiller(student(batch.image), said, batch).values()), picks


def test_genes_follow_the_family_of_the_pairs_student() -> None:
    genes = {pair: {k: v for k, v in values(searched(pair).space).items() if "student." in k} for pair in FAMILIES}
    for pair in FAMILIES:
        assert genes[pair]["student.width"] == (0.5, 1, 1.5, 2)
        assert list(genes[pair])[-1] == "student.width"
    for pair, stages, blocks in (
        ("wrn40_2-wrn16_2", 3, (1, 3, 5, 7)),
        ("resnet56-resnet20", 3, (1, 3, 5, 7)),
        ("resnet34-resnet18", 4, (1, 3, 5, 7)),
        ("vgg13-vgg8", 5, (1, 2, 3, 4)),
        ("vgg13-mobilenetv2", 7, (1, 2, 3, 4)),
        ("resnet32x4-shufflenetv2", 3, (2, 4, 6, 8)),
        ("wrn40_2-shufflenetv1", 3, (2, 4, 6, 8)),
    ):
        assert [genes[pair][f"student.blocks.{stage}"] for stage in range(stages)] == [blocks] * stages
        assert len(genes[pair]) == stages + 1


@pytest.mark.parametrize("pair", ["vgg13-vgg8", "vgg13-mobilenetv2", "resnet32x4-shufflenetv2"])
def test_the_pairs_own_student_is_a_point_of_its_space(pair: str) -> None:
    found = searched(pair)
    blocks = {
        f"student.blocks.{stage}": count
        for stage, count in enumerate(found.settings.training.chosen_student.facts["blocks"])
    }
    first = found.space.point(next(found.space.every()))
    assert found.space.point(found.space.genome({**first, **blocks, "student.width": 1})) == {
        **first,
        **blocks,
        "student.width": 1,
    }


@pytest.mark.parametrize("pair", ["vgg13-vgg8", "resnet56-resnet20"])
def test_a_space_of_distillers_leaves_the_student_alone(pair: str) -> None:
    assert not [key for key in values(searched(pair, "space=distiller").space) if key.startswith("student.")]


@pytest.mark.parametrize("pair", ["vgg13-vgg8", "vgg13-mobilenetv2", "wrn40_2-shufflenetv1", "resnet34-resnet18"])
def test_the_tiny_space_suits_every_family(pair: str) -> None:
    found = searched(pair, "space=tiny")
    genomes = list(found.space.every())
    assert len(set(genomes)) == 8
    for genome in genomes:
        assert network(student_of(found, genome)).eval()(torch.randn(2, 3, 8, 8)).logits.shape == (2, 10)


def test_a_key_or_the_whole_that_it_is_part_of_can_be_set() -> None:
    pair = "resnet56-resnet20"
    assert "student.width" not in values(searched(pair, "student.width=1").space)
    left = values(searched(pair, "space=architecture", "student.blocks=[2,2,2]").space)
    assert list(left) == ["student.width"]
    left = values(searched(pair, "space=architecture", "student.blocks.1=2").space)
    assert list(left) == ["student.blocks.0", "student.blocks.2", "student.width"]


def test_genes_can_be_set_and_left_out() -> None:
    found = values(
        searched("vgg13-vgg8", "space=architecture", "space.genes.blocks=[1,2]", "space.genes.width=null").space
    )
    assert found == {f"student.blocks.{stage}": (1, 2) for stage in range(5)}
    groups = values(searched("wrn40_2-shufflenetv1", "space=architecture", "+space.genes.groups=[1,3]").space)
    assert groups["student.groups"] == (1, 3)


def test_a_gene_that_the_student_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"space\.genes lists 'widht', which the student does not have; it has blocks"):
        searched("resnet56-resnet20", "+space.genes.widht=[1,2]")


def test_a_student_of_another_library_has_no_genes() -> None:
    found = searched(
        "resnet56-resnet20", "model@student=torchvision", "student.name=resnet18", "search.max_params=null"
    )
    assert not [key for key in values(found.space) if key.startswith("student.")]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_crd_recipe_trains_small_networks_gently(pair: str) -> None:
    cfg = configured(f"+pair={pair}", "data=cifar100")
    assert instantiate(cfg.recipe).lr == (0.01 if pair in GENTLE else 0.05)
    assert instantiate(cfg.teacher.recipe).lr == 0.05


@pytest.mark.parametrize("recipe", ["quick", "paper", "imagenet"])
def test_other_recipes_do_not_know_the_pair(recipe: str) -> None:
    ours, theirs = (
        configured(f"+pair={pair}", f"recipe={recipe}").recipe for pair in ("vgg13-mobilenetv2", "vgg13-vgg8")
    )
    assert ours == theirs


def test_a_learning_rate_that_is_given_goes_before_the_pairs() -> None:
    assert configured("+pair=vgg13-mobilenetv2", "recipe=crd", "recipe.lr=0.2").recipe.lr == 0.2


def test_a_teacher_is_trained_with_the_students_recipe_but_for_the_rate() -> None:
    cfg = configured("+pair=wrn40_2-wrn16_2", "data=cifar10")
    assert instantiate(cfg.recipe) == instantiate(cfg.teacher.recipe)


TABLES = [f"table{4 if pair in PAIRS[-2:] else 3}_{pair}" for pair in PAIRS]


def test_every_pair_has_its_experiment() -> None:
    assert len(TABLES) == 11
    assert set(TABLES) <= set(options("experiment"))


@pytest.mark.parametrize("name", TABLES)
def test_an_experiment_of_a_table_follows_its_protocol_and_says_how_to_run_it(name: str) -> None:
    cfg = configured(f"experiment={name}")
    table, pair = name.split("_", 1)
    recipe = instantiate(cfg.recipe)
    assert cfg.pair == pair
    assert not cfg.data.holdout
    assert cfg.test
    assert (recipe.epochs, recipe.batch_size) == ((240, 64) if table == "table3" else (100, 256))
    assert cfg.data.num_classes == (100 if table == "table3" else 1000)
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert lines[1].startswith(f"# python -m uniads.train experiment={name}")
    assert 8 <= len(lines) <= 17
    text = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
    numbers = re.search(r"teacher(?: \S+)? ([\d.]{5}) %, student \S+ [\d.]{5} %, with KD [\d.]{5} %", text)
    assert numbers, "teacher, student and KD"
    assert re.search(r"arXiv:\d{4}\.\d{5}, table \d|paper's table \d", text), "their source"
    published = published_acc1(
        OmegaConf.to_container(cfg.teacher.model), "cifar100" if table == "table3" else "imagenet"
    )
    assert published == pytest.approx(float(numbers[1]) / 100, abs=0.0005)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_tiny_search_of_every_pair_ends_with_a_front(
    pair: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = Commands(monkeypatch, capsys)(
        search.main, f"+pair={pair}", "data=fake", "search=tiny", "data.image_size=[3,16,16]", "data.train_size=80",
        "teacher.recipe.epochs=1", "launcher=basic", "final=false", f"hydra.run.dir={tmp_path}/run",
    )  # fmt: skip
    assert ended.code == 0, ended.error
    assert "space    tiny: 3 genes, 8 combinations" in ended.out
    _, *rows = map(json.loads, (tmp_path / "run" / "ledger.jsonl").read_text().splitlines())
    trials = [row for row in rows if "candidate" in row]
    assert len({trial["candidate"] for trial in trials}) == 4
    assert {trial["status"] for trial in trials} <= {"completed", "rejected"}, (
        "a teacher of three steps may say anything"
    )
    assert all("student.blocks.0" in " ".join(trial["overrides"]) for trial in trials)
    assert len((tmp_path / "run" / "front.csv").read_text().splitlines()) > 1
