"""Checkpoints changed at random: read, or refused in one sentence; nothing in them runs, and no file changes."""

import io
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uniads import build
from uniads.bridge.trust import build_saved_network
from uniads.error import UserError
from uniads.model import checkpoint

FACTS = {"num_classes": 4, "in_channels": 1}
CONFIG = {"_target_": "uniads.model.resnet.ResNet", "blocks": [1, 1, 1], "channels": [16, 16, 32, 64], "width": 1.0}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["torch.hub.load", "os.system", "uniads.entry.start", "uniads.model.taps.Tapped", "${oc.env:HOME}", "_target_"]
    ),
)
TENSORS = st.sampled_from(
    [torch.zeros(2), torch.full((3, 3), float("nan")), torch.zeros(4, dtype=torch.int8), torch.empty(2, device="meta")]
)
VALUES = st.recursive(
    SCALARS | TENSORS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("saved") / "student.pt"
    checkpoint.save(build("model", "resnet8", **FACTS), file, config=CONFIG, **FACTS)
    return file


def use(file: Path) -> None:
    """Read a file and load its network, as ``evaluate`` does."""
    found = checkpoint.read(file)
    with torch.device("meta"):
        network = build_saved_network(file, found.get("config"), FACTS)
        checkpoint.check_fit(network, found["model"], str(file))
    checkpoint.load(build_saved_network(file, found["config"], FACTS), found["model"], str(file))


def try_all(content: bytes, folder: Path) -> None:
    file = folder / "changed.pt"
    file.write_bytes(content)
    refusal = f"{file}"
    try:
        use(file)
    except UserError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert "changed.pt" in refusal
    assert file.read_bytes() == content
    assert sorted(path.name for path in folder.iterdir()) == ["changed.pt", "student.pt"]


@MANY
@given(data=st.data())
def test_bytes(saved: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        size = data.draw(st.integers(1, 2000))
        kind = data.draw(st.sampled_from(["change", "cut", "zero", "remove", "insert"]))
        if kind == "change":
            content[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[max(place, 1) :]
        elif kind == "zero":
            content[place : place + size] = bytes(len(content[place : place + size]))
        elif kind == "remove" and size < len(content):
            del content[place : place + size]
        else:
            content[place:place] = data.draw(st.binary(max_size=30))
    if bytes(content) != saved.read_bytes():
        try_all(bytes(content), saved.parent)


@MANY
@given(data=st.data())
def test_structure(saved: Path, data: st.DataObject) -> None:
    content: Any = deepcopy(torch.load(saved, weights_only=True))
    content.pop(checkpoint.CONTENTS, None) if data.draw(st.booleans()) else None
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([content, content.get("config"), content.get("model")]))
        if not isinstance(place, dict) or not place:
            continue
        name = data.draw(st.sampled_from(sorted(map(str, place))) | st.text(max_size=5))
        if data.draw(st.booleans()):
            place[name] = data.draw(VALUES)
        else:
            place.pop(name, None)
    stream = io.BytesIO()
    torch.save(content, stream)
    try_all(stream.getvalue(), saved.parent)


def test_the_checkpoint_that_is_changed_is_used(saved: Path) -> None:
    use(saved)
