"""DisWOT's two scores: against outer products and autograd, their bounds and invariances, and a search with them."""

import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tests.journey import LIGHTNING, SMALL, Commands
from uniads import build
from uniads.bridge.diswot import Score, relation, score, semantic, weight_gradient
from uniads.knowledge import Batch
from uniads.model.base import Network
from uniads.search import __main__ as command
from uniads.search.space import Genome

pytestmark = LIGHTNING
SHAPE = {"num_classes": 5, "in_channels": 1}
CLASSIFIERS = {"resnet8": "fc", "wrn_16_1": "fc", "vgg8": "classifier", "mobilenetv2": "classifier.0"}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(n: int = 12) -> Batch:
    return Batch(drawn(n, 1, 8, 8, seed=3).float(), torch.arange(n) % 5, torch.arange(n))


def network(name: str = "resnet8", seed: int = 0, **more: object) -> Network:
    torch.manual_seed(seed)
    made: Network = build("model", name, **SHAPE, **more)
    return made


def test_relation_is_the_distance_of_row_normalised_grams() -> None:
    student, teacher = drawn(6, 3, 4, 4), drawn(6, 5, 2, 2, seed=1)
    total = 0.0
    for i in range(6):
        rows = []
        for maps in (student, teacher):
            row = torch.stack([(maps[i] * maps[j]).sum() for j in range(6)])
            rows.append(row / row.square().sum().sqrt())
        total += float(((rows[0] - rows[1]) ** 2).sum())
    assert float(relation(student, teacher)) == pytest.approx(-total / 36, rel=1e-9)


def test_semantic_of_channels_is_the_papers_outer_product_of_each_class() -> None:
    student, teacher = drawn(4, 6), drawn(4, 6, seed=1)
    total = 0.0
    for mine, other in zip(student, teacher, strict=True):
        grams = [torch.outer(gradient, gradient) for gradient in (mine, other)]
        rows = [gram / gram.norm(dim=1, keepdim=True) for gram in grams]
        total += float(((rows[0] - rows[1]) ** 2).sum())
    assert float(semantic(student, teacher, "channel")) == pytest.approx(-total / (4 * 6), rel=1e-9)


def test_semantic_of_classes_takes_any_two_widths() -> None:
    student, teacher = drawn(4, 6), drawn(4, 9, seed=1)
    rows = [gram / gram.norm(dim=1, keepdim=True) for gram in (student @ student.T, teacher @ teacher.T)]
    wanted = -float(((rows[0] - rows[1]) ** 2).sum()) / 16
    assert float(semantic(student, teacher)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_gradient_is_that_of_autograd(name: str) -> None:
    student = network(name).train().double()
    images = batch()._replace(image=batch().image.double())
    known = student(images.image)
    F.cross_entropy(known.logits, images.label).backward()
    wanted = student.get_submodule(CLASSIFIERS[name]).weight.grad
    torch.testing.assert_close(weight_gradient(known, images.label), wanted, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_both_are_0_at_most_bounded_and_blind_to_scale(seed: int, factor: float) -> None:
    maps, others = drawn(5, 3, 2, 2, seed=seed), drawn(5, 4, 3, 3, seed=seed + 1)
    gradients, theirs = drawn(3, 4, seed=seed), drawn(3, 4, seed=seed + 1)
    assert float(relation(maps, factor * maps)) == pytest.approx(0, abs=1e-12)
    assert -4 / 5 <= float(relation(maps, others)) < 0
    assert float(relation(factor * maps, others)) == pytest.approx(float(relation(maps, others)))
    for gram, bound in (("class", -4 / 3), ("channel", -4.0)):
        assert float(semantic(gradients, factor * gradients, gram)) == pytest.approx(0, abs=1e-12)
        assert bound <= float(semantic(gradients, theirs, gram)) < 0
        assert float(semantic(theirs, gradients, gram)) == pytest.approx(float(semantic(gradients, theirs, gram)))


def test_the_order_of_the_images_does_not_matter() -> None:
    maps, others = drawn(5, 3, 2, 2), drawn(5, 4, 3, 3, seed=1)
    order = torch.tensor([4, 2, 0, 1, 3])
    assert float(relation(maps[order], others[order])) == pytest.approx(float(relation(maps, others)))


def test_a_network_is_most_like_itself() -> None:
    assert score(network(), network(), batch()) == 0
    assert score(network(), network(), batch(), "channel") == pytest.approx(0, abs=1e-12)
    assert score(network("resnet8x4"), network(), batch()) < 0


def test_unequal_widths_have_no_paper_formula_and_a_sentence_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="got 256 of the student and 64 of the teacher; use semantic=class"):
        score(network("resnet8x4"), network(), batch(), "channel")
    with pytest.raises(ValueError, match="semantic must be class or channel, got 'pixel'"):
        score(network(), network(), batch(), "pixel")


def test_scores_of_a_search_do_not_depend_on_what_was_scored_before() -> None:
    def made(genome: Genome | None) -> Network:
        return build("model", "resnet14" if genome is None else "resnet8", **SHAPE, width=1 + (genome or (0,))[0])

    one, other = Score(made, batch(), seed=4), Score(made, batch(), seed=4)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first = [one((width,)) for width in (0, 1)]
    assert [other((width,)) for width in (1, 0)] == first[::-1]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(value < 0 for value in first)
    assert first[0] != first[1]


@pytest.mark.slow
def test_a_search_scores_many_and_trains_few(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Commands(monkeypatch, capsys)
    asked = (
        *SMALL, "recipe.epochs=2", "search=diswot", "search.candidates=2", "search.offspring=2",
        "search.algorithm.samples=12", "space.genes.blocks=[1,2]", "launcher=basic", "final=false",
        f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    ended = run(command.main, *asked)
    assert ended.code == 0, ended.error
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").read_text().splitlines()))
    assert len(rows) == 2
    target = build("model", "resnet8", num_classes=4, in_channels=1)
    assert all(int(float(row["params"])) <= sum(p.numel() for p in target.parameters()) for row in rows)
