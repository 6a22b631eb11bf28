"""From the configured space to the one that is searched."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hydra.utils import get_class

from tests.journey import configured, search_space
from uniads import build, options
from uniads.error import UserError
from uniads.model.base import count_params
from uniads.options import conf_dir
from uniads.search.space import SearchSpace

SHAPE = {"num_classes": 10, "in_channels": 1}
FIRST = "transform@distiller.{}.transform.first"
NO_TERM = {f"distiller.{kind}.weight": 0 for kind in ("feature", "embedding", "logits")}
Make = Callable[..., SearchSpace]


@pytest.fixture
def space() -> Make:
    """The space of a search command's overrides."""

    def make(*overrides: str, folder: Path | None = None) -> SearchSpace:
        return search_space("+pair=resnet56-resnet20", *overrides, shape=SHAPE, folder=folder).space

    return make


def values(space: SearchSpace) -> dict[str, tuple[object, ...]]:
    return {dimension.key: dimension.values for dimension in space.dimensions}


def test_a_star_lists_every_option_that_the_knowledge_can_take(space: Make) -> None:
    found = values(space("space=extended"))
    listed = configured(*(f"+transform@every.{name}={name}" for name in options("transform"))).every
    every = {name: get_class(listed[name]._target_).ranks for name in options("transform")}
    labelled = {"target", "rest"}  # which look for the score of a class
    assert set(found[FIRST.format("feature")]) == {name for name, ranks in every.items() if 4 in ranks} - labelled
    assert set(found[FIRST.format("logits")]) == {name for name, ranks in every.items() if 2 in ranks}
    assert set(found["transform@distiller.feature.transform.second"]) == set(every)
    assert set(found["distance@distiller.logits.distance"]) == set(options("distance"))
    assert set(found["distance@distiller.feature.distance"]) == set(options("distance")) - {"hard"}


def test_what_a_kind_of_knowledge_cannot_take_is_left_out_of_the_papers_space(space: Make) -> None:
    found = values(space("space=paper"))
    assert "satt" in found[FIRST.format("feature")]
    assert "satt" not in found[FIRST.format("embedding")]
    assert "satt" not in found[FIRST.format("logits")]
    assert "hard" in found["distance@distiller.logits.distance"]
    assert "hard" not in found["distance@distiller.embedding.distance"]


@pytest.mark.parametrize("name", ["paper", "architecture", "distiller", "tiny", "extended", "balanced", "modern"])
def test_every_genome_that_is_filled_in_is_legal_and_stays_as_it_is(name: str, space: Make) -> None:
    made = space(f"space={name}")
    genomes = made.fill(40, Random(0))
    assert all(made.repair(genome) == genome for genome in genomes)
    assert len(genomes) == 40


def test_spaces_have_the_genes_that_their_files_name(space: Make) -> None:
    expected = {"architecture": 4, "distiller": 12, "paper": 16, "balanced": 17, "tiny": 3, "modern": 32}
    found = {name: space(f"space={name}", "search.warm_start=[]") for name in expected}
    assert {name: len(each.dimensions) for name, each in found.items()} == expected
    assert space("space=architecture", "search.max_params=null").size == 256


def test_without_any_term_a_candidate_is_the_one_without_a_teacher(space: Make) -> None:
    made = space("space=balanced")
    first, *others = [made.point(genome) for genome in made.fill(6, Random(0))]
    student = {key: value for key, value in first.items() if key.startswith("student.")}
    without = {made.genome({**other, **NO_TERM, **student}) for other in others}
    assert without == {made.genome({**first, "distiller": "plain"})}
    (genome,) = without
    assert [each for each in made.overrides(genome) if "distiller" in each] == ["distiller=plain"]


def test_without_any_term_the_tasks_weight_is_no_choice(space: Make) -> None:
    made = space("space=balanced", "search.warm_start=[]")
    point = made.point(made.fill(1, Random(0))[0]) | {
        f"distiller.{kind}.weight": 0 for kind in ("feature", "embedding", "logits")
    }
    assert made.genome({**point, "distiller.task": 0.1}) == made.genome({**point, "distiller.task": 1})
    assert made.point(made.genome(point | {"distiller.task": 0.3}))["distiller.task"] == 1


def test_a_cap_holds_for_students_that_are_chosen_by_name(space: Make) -> None:
    made = space(
        "space=tiny",
        "+space.dimensions={model@student:[resnet8,resnet56]}",
        "student.width=1",
        "search.max_params=500000",
    )
    admitted = {made.point(genome)["model@student"] for genome in made.every() if made.admits(genome)}
    assert admitted == {"resnet8"}


def test_a_cap_below_every_student_is_refused_with_its_key(space: Make) -> None:
    with pytest.raises(ValueError, match=r"search\.max_params=3 is below every student of this space"):
        space("space=tiny", "search.max_params=3")


def test_an_option_of_the_command_line_takes_no_gene_out(space: Make) -> None:
    assert values(space("distiller=searched")) == values(space("search.warm_start=[]"))


def test_a_key_that_the_command_line_sets_is_no_gene(space: Make) -> None:
    free = values(space("space=tiny"))
    fixed = values(space("space=tiny", "student.width=1"))
    assert set(free) - set(fixed) == {"student.width"}


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ("{distance@distiller.logits.distance:[kll,l2]}", "no distance 'kll'; there are .*Did you mean kl"),
        ("{distance@distiller.logits.distance:[]}", "no value that 'distance@distiller.logits.distance' can take"),
        ("{student.blocks.0:[]}", "no value that 'student.blocks.0' can take"),
    ],
)
def test_a_dimension_that_makes_no_sense_is_refused(dimensions: str, message: str, space: Make) -> None:
    with pytest.raises(ValueError, match=message):
        space("space=tiny", f"space.dimensions={dimensions}")


def test_one_point_is_no_space(space: Make) -> None:
    one = "{student.blocks.0:[1],student.width:[1],distance@distiller.logits.distance:[kl]}"
    with pytest.raises(ValueError, match=r"one point; give at least one key of space\.dimensions two values"):
        space("space=tiny", f"space.dimensions={one}")


@pytest.mark.parametrize("limit", ["0", "-5", "pupil"])
def test_a_cap_that_is_none_is_refused(limit: str, space: Make) -> None:
    with pytest.raises(ValueError, match=r"search\.max_params must be null, teacher, pair, or a number above 0"):
        space("space=tiny", f"search.max_params={limit}")


@pytest.mark.slow
def test_students_above_the_cap_are_not_admitted(space: Make) -> None:
    made = space("space=architecture", "search.max_params=300000")
    genomes = made.fill(24, Random(0))
    admitted = [genome for genome in genomes if made.admits(genome)]
    assert 0 < len(admitted) < len(genomes)
    for genome in [*admitted[:5], *admitted[-5:]]:
        point = made.point(genome)
        blocks = [int(str(point[f"student.blocks.{stage}"])) for stage in range(3)]
        network = build("model", "resnet20", blocks=blocks, width=float(str(point["student.width"])), **SHAPE)
        assert count_params(network) <= 300_000


def test_a_students_size_is_that_of_the_student_built(space: Make) -> None:
    students = search_space("+pair=resnet56-resnet20", shape=SHAPE).students
    network = build("model", "resnet20", blocks=[1, 5, 3], width=1.5, **SHAPE)
    point = {
        "student.blocks.0": 1,
        "student.blocks.1": 5,
        "student.blocks.2": 3,
        "student.width": 1.5,
        "recipe.lr": 0.1,
    }
    assert students.count(point) == count_params(network)


def test_a_new_transform_joins_every_space_that_takes_all(
    space: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halved_here.py").write_text(
        "from uniads.transform.base import Transform\n\n\nclass Halved(Transform):\n    ranks = {2: 2}\n\n"
        "    def compute(self, x):\n        return x / 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = tmp_path / "conf"
    (mine / "transform").mkdir(parents=True)
    for folder in conf_dir().iterdir():
        if folder.name != "transform":
            (mine / folder.name).symlink_to(folder)
    for file in (conf_dir() / "transform").iterdir():
        (mine / "transform" / file.name).symlink_to(file)
    (mine / "transform" / "halved.yaml").write_text("_target_: halved_here.Halved\n")
    found = values(space("space=extended", folder=mine))
    assert "halved" in found[FIRST.format("logits")]
    assert "halved" not in found[FIRST.format("feature")]


def test_a_prior_draws_near_the_spaces_centres_and_published_distillers(space: Make) -> None:
    found = space("search.prior=0.9")
    points = [found.point(genome) for genome in found.fill(60, Random(0))]
    published = [point for point in points if point["distiller"] != "balanced"]
    assert {point["distiller"] for point in published} == {"plain", "kd"}
    assert 18 <= len(published) <= 24  # two of five centres, and draws without a term
    key = "distance@distiller.logits.distance"
    terms = [point for point in points if point["distiller"] == "balanced" and point["distiller.logits.weight"] != 0]
    assert sum(point[key] == "kl" for point in terms) > len(terms) / 2
    assert len({point["student.width"] for point in points}) == 4  # students are drawn as ever


def test_a_centre_is_fitted_to_the_space(space: Make) -> None:
    found = space("space=balanced", "distiller.logits.tau=4", "search.prior=1", "search.warm_start=[]")
    assert "distiller.logits.tau" not in values(found)
    points = [found.point(genome) for genome in found.fill(60, Random(0))]
    assert sum(point["distiller.logits.weight"] == 2 for point in points) > 30


def test_a_prior_without_a_centre_is_refused(space: Make) -> None:
    with pytest.raises(UserError, match="draws near centres, and this space has none; name published distillers in"):
        space("space=paper", "search.warm_start=[]", "search.prior=0.5")
