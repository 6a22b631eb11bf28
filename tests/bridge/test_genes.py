"""A gene is a key that a training has and that the search does not set itself."""

import pytest
from omegaconf import DictConfig

from tests.schema.test_check import whole
from uniads.bridge.genes import SET, check_genes
from uniads.error import UserError


@pytest.fixture(scope="module")
def shared() -> DictConfig:
    """What the candidates of a search share: KD, which has one node."""
    return whole("train", "distiller=kd")


@pytest.mark.parametrize("key", SET)
def test_what_a_search_sets_itself_is_no_gene_and_no_base(key: str, shared: DictConfig) -> None:
    with pytest.raises(UserError, match=rf"space\.dimensions can't set '{key}'"):
        check_genes([key], [], shared)
    with pytest.raises(UserError, match=rf"space\.base can't set '{key}=3'"):
        check_genes([], [f"{key}=3"], shared)


@pytest.mark.parametrize("key", ["hydra.run.dir", "paths.run_dir", "logger.name", "callback.progress", "+trial"])
def test_nor_is_a_part_of_it(key: str, shared: DictConfig) -> None:
    with pytest.raises(UserError, match="can't set"):
        check_genes([key], [], shared)


@pytest.mark.parametrize(
    "key",
    [
        "recipe.lr", "student.blocks.0", "student.width", "chance", "data.padding", "distiller", "model@student",
        "recipe", "distiller.logits.tau", "distance@distiller.logits.distance", "+distiller.until", "teacher.dtype",
    ],
)  # fmt: skip
def test_what_a_training_has_is_one(key: str, shared: DictConfig) -> None:
    check_genes([key], ["distiller=kd", "chance=null"], shared)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("recipe.lrr", "recipe.lr"), ("student.witdh", "student.width"), ("student.blocks.9", "student.blocks"),
        ("distanc@distiller.logits.distance", "distance@distiller.logits.distance"), ("distiler", "distiller"),
        ("distiller.logits.tua", "distiller.logits.tau"), ("distance@distiller.feature.distance", "distance@distiller"),
    ],
)  # fmt: skip
def test_what_a_training_has_not_is_told_with_its_neighbours(key: str, near: str, shared: DictConfig) -> None:
    with pytest.raises(UserError, match=rf"lists '{key}', and a training has no such key\. Did you mean .*{near}"):
        check_genes([key], [], shared)


def test_genes_without_a_place_in_the_distiller_are_named_together(shared: DictConfig) -> None:
    genes = [f"distiller.{node}.weight" for node in ("logits", "feature", "embedding")]
    with pytest.raises(UserError, match=r"2 of the space's 3 genes have no place with distiller=kd: .*feature.*space="):
        check_genes(genes, [], shared)
