"""Genes without effect."""

from uniads.report.analysis.active import effective, optional
from uniads.search import SearchSpace

SPACE = SearchSpace(
    {
        "student.width": [1, 2],
        "distiller": ["searched", "at", "kd"],
        "distiller.logits.weight": [0, 1],
        "transform@distiller.logits.transform.first": ["identity", "satt"],
        "distiller.embedding.weight": [1, 2],
    }
)


def test_a_term_of_weight_0_has_no_other_genes() -> None:
    assert optional(SPACE) == {2, 3, 4}
    assert effective(SPACE, (0, 0, 0, 0, 1)) == (0, 0, 0, 2, 1)
    assert effective(SPACE, (0, 0, 1, 0, 1)) == (0, 0, 1, 0, 1)


def test_a_published_distiller_leaves_the_searched_one_idle() -> None:
    assert effective(SPACE, (1, 2, 1, 1, 0)) == (1, 2, 2, 2, 2)
