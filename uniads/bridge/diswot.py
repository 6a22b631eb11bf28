"""DisWOT: how alike an untrained student and an untrained teacher are; nothing is trained to find out.

Source: Dong, Li and Wei, arXiv:2303.15678. The released code differs from file to file (one
searches with the classifier's weight in place of its gradient, another with one of the two terms); here the paper
stands. Both terms are 0 for networks that say the same, and negative otherwise: higher is better.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge
from uniads.model.base import Network
from uniads.search.space import Genome

GRAMS = ("class", "channel")


def relation(student: Float[Tensor, "n _ _ _"], teacher: Float[Tensor, "n _ _ _"]) -> Float[Tensor, ""]:
    """-||R(F_s F_sᵀ) - R(F_t F_tᵀ)||² / n² of the last feature maps F, flattened to (n, CHW).

    R divides each row by its l2 norm. From -4/n to 0. Channels and sizes of the two maps may differ.
    """
    return -(_build_gram(student) - _build_gram(teacher)).square().sum() / len(student) ** 2


def semantic(student: Float[Tensor, "k _"], teacher: Float[Tensor, "k _"], gram: str = "class") -> Float[Tensor, ""]:
    """How alike the gradients g (classes, C) of the cross-entropy with respect to the classifiers' weights are.

    ``channel``, the paper's: -Σ_k ||R(g_k g_kᵀ) - R'(...)||² / (k C) with one C x C matrix a class k, whose rows R
    divides by their l2 norms. Since the matrix is of rank 1, its row i is sign(g_ki) g_k / ||g_k||. From -4 to 0.

    ``class``: -||R(g gᵀ) - R'(...)||² / k² with one k x k matrix, which exists for any two C. From -4/k to 0. Not
    in the paper, which compares networks of equal C alone; values of the two are on different scales.

    Raises:
        UserError: ``channel`` is asked for and the numbers of channels differ, or there is no such Gram matrix.
    """
    if _check_gram(gram) == "class":
        return -(_build_gram(student) - _build_gram(teacher)).square().sum() / len(student) ** 2
    channels = student.shape[1]
    if channels != teacher.shape[1]:
        raise UserError(
            f"semantic=channel compares embeddings of one width, got {channels} of the student and {teacher.shape[1]} "
            "of the teacher; use semantic=class, or fix the width with space.genes.width=null"
        )
    signs, directions = student.sign() * teacher.sign(), F.normalize(student) * F.normalize(teacher)
    rows = student.sign().square().sum() + teacher.sign().square().sum()
    return -(rows - 2 * (signs.sum(1) * directions.sum(1)).sum()) / (len(student) * channels)


def weight_gradient(knowledge: Knowledge, label: Int[Tensor, " n"]) -> Float[Tensor, "k _"]:
    """The gradient of the mean cross-entropy with respect to the weight of a linear classifier.

    (softmax(z) - onehot(y))ᵀ e / n of logits z (n, k) and embedding e (n, C): no backward pass is needed.
    """
    error = knowledge.logits.softmax(1) - F.one_hot(label, knowledge.logits.shape[1])
    return error.T @ knowledge.embedding / len(label)


@torch.no_grad()
def score(student: Network, teacher: Network, batch: Batch, gram: str = "class") -> float:
    """Relation + semantic of two untrained networks on one batch, in train mode: batch norm uses the batch.

    Args:
        student: left as it is.
        teacher: left as it is.
        batch: two images or more.
        gram: see ``semantic``.
    """
    of_student, of_teacher = (_ask_in_double(network, batch.image) for network in (student, teacher))
    gradients = weight_gradient(of_student, batch.label), weight_gradient(of_teacher, batch.label)
    return float(relation(of_student.features[-1], of_teacher.features[-1]) + semantic(*gradients, gram))


@final
class Score:
    """Scores of the students of a search: all are drawn from one seed and shown the same images.

    Args:
        build: makes the student of a genome, with fresh weights; of None, the teacher.
        batch: the images.
        seed: of all weights.
        semantic: see the function of that name.

    Raises:
        UserError: there is no such semantic.
    """

    def __init__(
        self, build: Callable[[Genome | None], Network], batch: Batch, seed: int, semantic: str = "class"
    ) -> None:
        self.build, self.batch, self.seed, self.semantic = build, batch, seed, _check_gram(semantic)
        self.teacher = self._draw_network(None)

    def __call__(self, genome: Genome) -> float:
        return score(self._draw_network(genome), self.teacher, self.batch, self.semantic)

    def _draw_network(self, genome: Genome | None) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.build(genome).to(self.batch.image.device)


def _check_gram(gram: str) -> str:
    if gram not in GRAMS:
        raise UserError(f"search.algorithm.score.semantic must be {' or '.join(GRAMS)}, got {gram!r}")
    return gram


def _build_gram(rows: Tensor) -> Tensor:
    """The Gram matrix of flattened rows, each of its own rows of l2 norm 1."""
    flat = rows.flatten(1)
    return F.normalize(flat @ flat.T)


def _ask_in_double(network: Network, image: Tensor) -> Knowledge:
    """What a network says in train mode, in double precision: Gram matrices of unnormalised maps lose digits."""
    knowledge: Knowledge = deepcopy(network).train()(image)  # a copy, whose running statistics may move
    features = tuple(feature.double() for feature in knowledge.features)
    return Knowledge(features, knowledge.embedding.double(), knowledge.logits.double())
