"""A search that begins with published distillers: exactly them, first, and no others by chance."""

from pathlib import Path
from random import Random

import pytest

from tests.journey import LIGHTNING, SMALL, Commands, Searched, search_space
from uniads.bridge.warm_start import nearest
from uniads.search import NSGA2
from uniads.search import __main__ as search
from uniads.search.ledger import read

pytestmark = LIGHTNING
NAMES = ("kd", "at", "sp", "dist")
LIST = f"search.warm_start=[{','.join(NAMES)}]"


def searched(pair: str, *overrides: str) -> Searched:
    return search_space(f"+pair={pair}", *overrides, shape={"num_classes": 10, "in_channels": 3})


def space(*overrides: str) -> Searched:
    return searched("resnet56-resnet20", LIST, *overrides)


def test_published_distillers_are_asked_for_first_and_as_they_are() -> None:
    found = space()
    assert (found.warm_start.base, found.warm_start.names) == ("balanced", NAMES)
    first = found.warm_start.genomes(found.space)
    asked = NSGA2(found.space, 0, first).ask(0, 8)
    assert asked[:4] == first
    for name, genome in zip(NAMES, first, strict=True):
        overrides = found.space.overrides(genome)
        assert overrides[0] == f"distiller={name}"
        assert not any("distiller." in override for override in overrides)
        assert len(overrides) == 5
    assert all(found.space.overrides(genome)[0] == "distiller=balanced" for genome in asked[4:])


def test_random_draws_take_no_published_distiller() -> None:
    found = space().space
    drawn = [*found.fill(20, Random(0)), *(found.draw(Random(seed)) for seed in range(20))]
    assert {found.point(genome)["distiller"] for genome in drawn} == {"balanced"}


def test_genes_of_nodes_are_idle_under_a_published_distiller() -> None:
    found = space().space
    point = found.point(found.fill(1, Random(3))[0])
    other = found.point(found.fill(1, Random(4))[0])
    student = {key: value for key, value in point.items() if key.startswith("student.")}
    assert found.genome({**point, "distiller": "at"}) == found.genome({**other, **student, "distiller": "at"})
    assert found.genome(point) != found.genome({**other, **student})


def test_without_a_warm_start_the_space_is_as_it_was() -> None:
    plain = searched("resnet56-resnet20", "search.warm_start=[]").space
    assert "distiller" not in [dimension.key for dimension in plain.dimensions]
    assert len(plain.overrides(plain.fill(1, Random(0))[0])) == len(plain.dimensions)


def test_the_base_is_no_value_twice() -> None:
    values = {d.key: d.values for d in space("space=architecture").space.dimensions}
    assert values["distiller"] == ("kd", "at", "sp", "dist")


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ([], ("plain", "kd")),
        (["space=paper"], ("plain", "kd")),
        (["space=architecture"], ()),  # nothing of the distiller is searched
        (["space=tiny"], ()),
        (["distiller=searched"], ()),
        (["search.warm_start=[at]"], ("at",)),
    ],
)
def test_whoever_searches_how_to_distil_begins_with_the_baselines(overrides: list[str], names: tuple[str, ...]) -> None:
    found = searched("resnet56-resnet20", *overrides)
    assert found.warm_start.names == names
    genomes = found.warm_start.genomes(found.space)
    assert tuple(found.space.point(genome)["distiller"] for genome in genomes) == names


def test_a_start_has_the_pairs_own_network_where_networks_are_searched() -> None:
    models = "+space.dimensions={model@student:[resnet8,resnet20,resnet32]}"
    found = searched("resnet56-resnet20", "search.warm_start=[kd]", "space=tiny", models)
    (genome,) = found.warm_start.genomes(found.space)
    assert found.space.point(genome)["model@student"] == "resnet20"


def test_a_start_is_as_large_as_the_cap_allows() -> None:
    found = searched("wrn40_2-wrn16_2", "search.max_params=pair")  # its blocks of two are not in the space
    genomes = found.warm_start.genomes(found.space)
    assert all(found.space.admits(genome) for genome in genomes)
    assert [found.space.point(genome)["student.blocks.0"] for genome in genomes] == [1, 1]
    (line,) = found.warm_start.lines(found.space, 24)
    assert "student.blocks.0=2 can't be trained here, 1 is the nearest" in line


@pytest.mark.parametrize(
    ("names", "fixed", "message"),
    [
        (["kd", "spp"], False, "no distiller 'spp'; there are .*Did you mean .*sp.*search.warm_start"),
        (["kd", "kd"], False, "search.warm_start lists a distiller twice"),
        (["kd"], True, "needs the gene distiller, and the command line sets distiller=searched; remove one"),
    ],
)
def test_what_can_be_no_start_is_refused(names: list[str], fixed: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        searched("resnet56-resnet20", f"search.warm_start=[{','.join(names)}]", *["distiller=searched"] * fixed)


def test_a_student_outside_of_the_space_is_replaced_by_the_nearest_and_that_is_said() -> None:
    found = searched("wrn40_2-wrn16_2", LIST)
    (line,) = found.warm_start.lines(found.space, 24)
    assert "student.blocks.0=2 can't be trained here, 3 is the nearest" in line
    genome = found.warm_start.genomes(found.space)[0]
    assert found.space.point(genome)["student.width"] == 1


@pytest.mark.parametrize(
    ("value", "values", "wanted"),
    [
        (2, (1, 3, 5), 3),
        (2.0, (1, 2), 2),
        (0, (0.5, 1), 0.5),
        ("a", ("b", "c"), "b"),
        (None, (1, 2), 1),
        (9, (1, 3), 3),
    ],
)
def test_the_nearest_value(value: object, values: tuple[object, ...], wanted: object) -> None:
    assert nearest(value, values) == wanted


@pytest.mark.slow
def test_the_first_trials_of_a_search_are_the_published_distillers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    ended = Commands(monkeypatch, capsys)(
        search.main, *SMALL, "recipe.epochs=1", "search=tiny", "space=paper", "search.candidates=5", LIST,
        "search.offspring=5", "search.rungs=[1,2]", "search.quotas=[5,1]", "launcher=basic", "final=false",
        f"paths.teacher_dir={tmp_path / 'teachers'}", f"hydra.run.dir={run}",
    )  # fmt: skip
    assert ended.code == 0, ended.error
    assert "start    kd, at, sp, dist: as published" in ended.out
    _, trials = read(run / "ledger.jsonl")
    assert [trial.overrides[0] for trial in trials[:5]] == [f"distiller={name}" for name in (*NAMES, "searched")]
    assert {trial.status.value for trial in trials} <= {"completed", "rejected"}


@pytest.mark.parametrize(("candidates", "said"), [(2, True), (3, False)])
def test_a_start_that_is_all_of_the_budget_is_said(candidates: int, said: bool) -> None:
    found = searched("resnet56-resnet20", "search.warm_start=[plain,kd]")
    (line,) = found.warm_start.lines(found.space, candidates)
    assert (f"search.candidates={candidates} leaves none to the space itself; raise it" in line) is said
