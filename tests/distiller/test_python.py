"""Distillers called from Python: two tensors, two pieces of knowledge, values by key, terms of any name."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from uniads import build, options
from uniads.distance.l2 import L2
from uniads.distiller.base import Context, full
from uniads.distiller.composed import Composed
from uniads.distiller.node import Node
from uniads.distiller.term import Term
from uniads.error import UnknownNameError, UserError
from uniads.knowledge import Batch, Knowledge

LOGITS = ("kd", "eskd", "dist", "dist_imagenet", "plain", "kd_ls", "ttm", "wttm")
"""Distillers that look at logits alone."""
LABELLED = ("nkd", "rld", "ctkd", "mlkd")
"""Modules that adapt to logits alone, and may ask for the labels, too."""
LABELLED_NODES = ("dkd", "dkd_ls")
"""Nodes that look at logits and labels."""


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def known(channels: int, seed: int = 0, n: int = 4) -> Knowledge:
    maps = tuple(drawn(n, channels, side, side, seed=seed + side) for side in (8, 8, 4))
    return Knowledge(maps, drawn(n, channels, seed=seed + 1), drawn(n, 10, seed=seed + 2))


def batch(n: int = 4) -> Batch:
    return Batch(drawn(n, 1, 8, 8), torch.arange(n), torch.arange(n))


@pytest.mark.parametrize("name", LOGITS)
def test_two_tensors_are_two_networks_logits(name: str) -> None:
    student, teacher = drawn(4, 10).requires_grad_(), drawn(4, 10, seed=1)
    terms = build("distiller", name)(student, teacher)
    features = (torch.zeros(4, 2, 3, 3),)
    whole = (Knowledge(features, torch.zeros(4, 2), each) for each in (student, teacher))
    assert terms == build("distiller", name)(*whole, batch())
    if terms:
        torch.stack([*terms.values()]).sum().backward()
        assert student.grad is not None


def test_kd_of_two_tensors_is_hintons_loss() -> None:
    student, teacher = drawn(4, 10), drawn(4, 10, seed=1)
    p, q = (teacher / 8).softmax(1), (student / 8).softmax(1)
    wanted = 0.9 * 64 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(build("distiller", "kd", **{"logits.tau": 8})(student, teacher)["logits"], wanted)


@pytest.mark.parametrize("name", sorted({*options("distiller")} - {*LOGITS, *LABELLED, *LABELLED_NODES}))
def test_what_logits_alone_do_not_say_is_named(name: str) -> None:
    distiller = build("distiller", name)
    logits = drawn(4, 10), drawn(4, 10, seed=1)
    for call in (distiller, distiller.adapt):
        with pytest.raises(
            UserError,
            match=r"logits alone|call adapt|needs the context's|compares maps|no feature map|there is no batch",
        ):
            call(*logits)


@pytest.mark.parametrize("name", LABELLED_NODES)
def test_nodes_that_look_at_labels_need_no_more_than_a_batch(name: str) -> None:
    student, teacher = drawn(4, 10).requires_grad_(), drawn(4, 10, seed=1)
    distiller = build("distiller", name)
    with pytest.raises(UserError, match="looks at the labels, and there is no batch"):
        distiller(student, teacher)
    terms = distiller(student, teacher, (torch.zeros(4, 1, 2, 2), torch.arange(4)))
    torch.stack([*terms.values()]).sum().backward()
    assert student.grad is not None


@pytest.mark.parametrize("name", LABELLED)
def test_two_tensors_and_labels_are_enough(name: str) -> None:
    student, teacher = drawn(4, 10).requires_grad_(), drawn(4, 10, seed=1)
    distiller = build("distiller", name)
    with pytest.raises(UserError, match=r"call adapt"):
        distiller(student, teacher, batch())
    distiller.adapt(student, teacher)
    distiller(student, teacher, batch())[name].backward()
    assert student.grad is not None
    if name != "ctkd":
        with pytest.raises(UserError, match="looks at the batch, which is not given"):
            distiller(student, teacher)


@pytest.mark.parametrize("name", ["at", "cc", "fitnet", "searched"])
def test_two_pieces_of_knowledge_are_enough_to_adapt_to_other_shapes(name: str) -> None:
    distiller = build("distiller", name)
    distiller.adapt(known(8), known(16, seed=9))
    terms = distiller(known(8), known(16, seed=9))
    assert terms
    assert all(term.isfinite() for term in terms.values())


def test_adapt_of_knowledge_is_adapt_of_a_context() -> None:
    ways: list[tuple[Any, ...]] = [
        (known(8), known(16)), (Context.between(known(8), known(16)),), (Context(None, None, known(8), known(16)),)
    ]  # fmt: skip
    values = []
    for way in ways:
        torch.manual_seed(0)
        distiller = build("distiller", "fitnet")
        distiller.adapt(*way)
        values.append(distiller(known(8), known(16))["feature"])
    assert values[0] == values[1] == values[2]
    with pytest.raises(UserError, match="adapt takes a Context alone"):
        build("distiller", "kd").adapt(Context.between(known(8), known(8)), known(8))


def test_fitnet_of_equal_shapes_is_no_other_loss_without_its_regressor() -> None:
    with pytest.raises(UserError, match=r"its option asks for one; call adapt"):
        build("distiller", "fitnet")(known(8), known(8, seed=5))


X = drawn(4, 10)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ((X, X[:3]), "of the same images in all their parts, got 4 of the student, 3 of the teacher"),
        ((X, X, (drawn(3, 1, 8, 8), torch.arange(3))), "4 of the teacher, 3 of the batch"),
        ((X, None), "this distiller compares with a teacher; give what it says"),
        ((X[0], X[0]), r"logits of the student must be floats of shape \(images, classes\).* shape \(10,\)"),
        ((X[:0], X[:0]), r"neither of them 0, got torch\.float32 and shape \(0, 10\)"),
        ((X.long(), X), r"must be floats .* got torch\.int64"),
        ((known(8)._replace(embedding=X.long()), known(8)), "knowledge of the student must be floats, got torch.int64"),
        ((X, X, {"image": X}), r"a batch must be \(image, label\) .*, got dict with image"),
        ((X, X[:, :3]), r"shape \(4, 10\) and \(4, 3\).*call adapt"),
    ],
)
def test_what_can_not_be_compared_is_refused(said: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        build("distiller", "kd")(*said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "formula"),
    [
        ({"logits.tau": 8}, "0.1 * cross-entropy + 0.9 * 8² * KL(logits / 8)"),
        ({"logits": {"tau": 8, "weight": 1}}, "0.1 * cross-entropy + 1 * 8² * KL(logits / 8)"),
        ({"distance@logits.distance": "l2", "task": 1}, "1 * cross-entropy + 0.9 * 4² * L2(logits / 4)"),
        ({"logits.distance": L2()}, "0.1 * cross-entropy + 0.9 * 4² * L2(logits / 4)"),
        ({"logits.weight": 0, "second": Node("logits", L2(), {})}, "0.1 * cross-entropy + 1 * 1² * L2(logits / 1)"),
    ],
)
def test_values_are_set_as_on_the_command_line(overrides: dict[str, Any], formula: str) -> None:
    assert build("distiller", "kd", **overrides).formula() == formula


@pytest.mark.parametrize(
    ("group", "option", "overrides", "message"),
    [
        ("distiller", "kd", {"tau": 8}, r"no key of distiller kd 'tau'; .*Did you mean logits\.tau\?"),
        ("distiller", "kd", {"logits": {"taux": 8}}, r"'logits\.taux'; .*Did you mean logits\.tau"),
        ("distiller", "kd", {"task.x": 8}, r"'task\.x'; .*task is one value"),
        ("distiller", "kd", {"distance@logits.distance": "l22"}, "no distance 'l22'; .*Did you mean l2"),
        ("model", "wrn_16_2", {"num_class": 3}, "Did you mean num_classes"),
        ("model", "resnet20", {"blocks.7": 3}, r"'blocks\.7'.*entries 0 to 2"),
        ("data", "digits", {"val_fracton": 0.2}, "Did you mean val_fraction"),
    ],
)
def test_a_key_that_there_is_not_is_answered_with_the_nearest(
    group: str, option: str, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        build(group, option, **overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"logits.tau": "hot"}, r"'logits\.tau' must be of type float, got 'hot'"),
        ({"logits.tap": 1.5}, r"'logits\.tap' must be of type int, got 1\.5"),
        ({"logits": 8}, r"distiller\.logits must be a node or a term, got 8"),
        ({"task": -1}, r"distiller\.task must be 0 or more and finite, got -1"),
        ({"task": None}, r"'task' must be of type float, got None"),
        ({"until": "half"}, r"'until' must be of type float or null, got 'half'"),
        ({"until": 1.5}, r"distiller\.until must be a share .*, got 1\.5"),
        ({"distance@nowhere.distance": "l2"}, "distiller kd: Could not override"),
    ],
)
def test_a_value_that_is_none_is_refused_in_a_sentence(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        build("distiller", "kd", **overrides)
    assert "\n" not in str(caught.value)


def test_entries_of_lists_are_set_by_their_number() -> None:
    assert len(build("model", "resnet20", **{"blocks.0": 1}).layer1) == 1


NAMES = ("images", "loss", "keys", "items", "training", "forward", "type", "self", "a.b", "a/b", "=keys", "", "é")


def test_a_term_may_have_any_name() -> None:
    distiller = Composed(**{name: Node("feature", L2(), {}) for name in NAMES})
    distiller.adapt(known(8), known(16))
    assert tuple(distiller(known(8), known(16))) == NAMES
    twin = Composed(**{name: Node("feature", L2(), {}) for name in NAMES})
    twin.adapt(known(8), known(16))
    twin.load_state_dict(distiller.state_dict())
    assert distiller(known(8), known(16)) == twin(known(8), known(16))
    assert len(list(distiller.parameters())) == 2 * len(NAMES)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["searched", "cc", "fitnet", "at"])
def test_half_precision_networks_are_compared_in_float32(name: str, dtype: torch.dtype) -> None:
    def lowered(knowledge: Knowledge) -> Knowledge:
        maps = tuple(each.to(dtype) for each in knowledge.features)
        return Knowledge(maps, knowledge.embedding.to(dtype), knowledge.logits.to(dtype))

    distiller = build("distiller", name)
    distiller.adapt(known(8), known(16))
    distiller.to(dtype)
    assert {weight.dtype for weight in distiller.parameters()} <= {torch.float32}
    terms = distiller(lowered(known(8)), lowered(known(16)))
    assert all(term.dtype == torch.float32 and term.isfinite() for term in terms.values())


@pytest.mark.parametrize("name", ["kd", "searched", "cc"])
def test_a_double_students_loss_is_double_though_its_teacher_is_not(name: str) -> None:
    distiller = build("distiller", name)
    distiller.adapt(known(8), known(16))
    distiller.double()
    mine = known(8)
    student = Knowledge(tuple(each.double() for each in mine.features), mine.embedding.double(), mine.logits.double())
    terms = distiller(student, known(16))
    assert {term.dtype for term in terms.values()} == {torch.float64}


class Mean(Term):
    """The mean of the student's logits, by the batch's labels."""

    def prepare(self, context: Context) -> None:
        self.layer = nn.Identity()

    def weigh(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        return self.weight * full(student.logits)[torch.arange(len(batch.label)), batch.label].mean()


def test_a_term_of_ones_own_is_told_apart_from_what_it_lacks() -> None:
    distiller = build("distiller", "plain", mine=Mean(2.0))
    distiller.adapt(X, X)
    assert distiller(X, X, (drawn(4, 1, 8, 8), torch.arange(4)))["mine"] == 2 * X[:4, :4].diagonal().mean()
    with pytest.raises(UserError, match="Mean looks at the batch, which is not given"):
        distiller(X, X)


@pytest.mark.parametrize("index", [[0, 1, 2, 4], [0, 1, 2, -1]])
def test_crd_names_positions_beyond_its_training_set(index: list[int]) -> None:
    distiller = build("distiller", "crd")
    first = batch()
    context = Context(None, None, known(8), known(8, seed=9), first, index_size=4, label=torch.tensor([0, 0, 1, 1]))
    distiller.adapt(context)
    distiller(known(8), known(8, seed=9), first)
    with pytest.raises(UserError, match=r"CRD got the positions .* of 4; give the context the index_size"):
        distiller(known(8), known(8, seed=9), first._replace(index=torch.tensor(index)))
