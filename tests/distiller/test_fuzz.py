"""Whatever a distiller is built with and shown: it gives scalars, or says in one sentence what is wrong."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from uniads import build, options
from uniads.distiller.base import Context
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
many = settings(deadline=None, max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))

KEYS = (
    "task", "until", "tau", "logits", "logits.tau", "logits.weight", "logits.tap", "logits.source", "feature",
    "feature.tap", "feature.weight", "feature.adapter", "embedding.tau", "cc.dim", "cc.kernel", "crd.negatives",
    "dml.peers", "one.branches", "one.eps", "srrl.source", "semckd.factor", "ofa.eps", "ofa.stages",
    "review.middle", "review.ramp", "distance@logits.distance", "transform@feature.transform.first",
    "logits.transform.first", "wrong", "task.wrong", "", ".", "_target_",
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.floats(width=32), st.sampled_from(["", "l2", "kl", "x y"]),
    st.lists(st.integers(0, 3), max_size=3), st.dictionaries(st.sampled_from(["tau", "weight"]), st.integers(-1, 9)),
)  # fmt: skip
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64])


@st.composite
def knowledge(draw: st.DrawFn) -> Any:
    """Knowledge or logits of a few images, or something else."""
    n, classes, width = draw(st.integers(0, 5)), draw(st.integers(0, 6)), draw(st.integers(1, 5))
    dtype = draw(DTYPES)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)

    kind = draw(st.sampled_from(["logits", "whole", "whole", "whole", "flat", "none", "list"]))
    if kind == "whole":
        maps = [(n, width, side, side) for side in draw(st.lists(st.integers(1, 9), max_size=4))]
        return Knowledge(tuple(drawn(*shape) for shape in maps), drawn(n, width), drawn(n, classes))
    if kind == "logits":
        return drawn(n, classes)
    return {"flat": drawn(n), "none": None, "list": [1.0, 2.0]}[kind]


@st.composite
def batches(draw: st.DrawFn) -> Any:
    """A batch of a few images, or something else."""
    n = draw(st.integers(0, 5))
    image, label = torch.zeros(n, 1, 8, 8), torch.zeros(n, dtype=torch.long)
    return draw(st.sampled_from([None, (image, label), Batch(image, label, label), {"image": image}, image, "batch"]))


def ended_well(call: Any) -> Any:
    """What a call returns; None where it says in a sentence what is wrong."""
    said = ""
    try:
        return call()
    except UserError as error:
        said = str(error)
    assert said
    assert "\n" not in said, said
    return None


@many
@given(
    name=st.sampled_from(options("distiller")),
    overrides=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2),
    student=knowledge(),
    teacher=knowledge(),
    batch=batches(),
    adapted=st.booleans(),
)
def test_a_distiller_gives_scalars_or_a_sentence(
    name: str, overrides: dict[str, Any], student: Any, teacher: Any, batch: Any, adapted: bool
) -> None:
    distiller = ended_well(lambda: build("distiller", name, **overrides))
    if distiller is None:
        return
    if adapted:
        ended_well(lambda: distiller.adapt(student, teacher))
    terms = ended_well(lambda: distiller(student, teacher, batch))
    assert terms is None or all(term.shape == () and term.dtype.itemsize >= 4 for term in terms.values())


@many
@given(
    name=st.sampled_from(options("distiller")),
    networks=st.lists(st.sampled_from(["resnet8", "resnet8x4", "wrn_16_1", "vgg8"]), min_size=2, max_size=2),
    side=st.sampled_from([8, 16]),
    given_fields=st.fixed_dictionaries({}, optional={"index_size": st.integers(1, 9), "batch_size": st.integers(1, 9)}),
)
def test_two_networks_give_scalars_or_a_sentence(
    name: str, networks: list[str], side: int, given_fields: dict[str, int]
) -> None:
    student, teacher = (build("model", each, in_channels=1, num_classes=4).eval() for each in networks)
    image = torch.zeros(4, 1, side, side)
    batch = Batch(image, torch.arange(4), torch.arange(4))
    distiller = build("distiller", name)
    ended_well(lambda: distiller.adapt(Context.of(student, teacher, image, **given_fields)))
    terms = ended_well(lambda: distiller(student(image), teacher(image), batch))
    assert terms is None or all(term.shape == () for term in terms.values())


@many
@given(
    group=st.sampled_from(["transform", "distance", "recipe", "model", "node"]),
    choice=st.integers(0, 100),
    overrides=st.dictionaries(st.sampled_from(["size", "seed", "lr", "width", "blocks", "tau", "keep", "x"]), VALUES),
)
def test_an_object_is_built_or_a_sentence_says_why_not(group: str, choice: int, overrides: dict[str, Any]) -> None:
    names = options(group)
    ended_well(lambda: build(group, names[choice % len(names)], **overrides))
