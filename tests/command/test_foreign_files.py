"""Files from elsewhere that a command is given: nothing in them runs, and what is wrong with them is said."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from torch import nn

from tests.journey import LIGHTNING, Commands, Ended, refused
from uniads import build, evaluate
from uniads.bridge.trust import build_saved_network, check_overrides
from uniads.error import DamagedFileError, UserError
from uniads.model import checkpoint
from uniads.options import conf_dir, other_hydra_put_aside
from uniads.report import __main__ as report
from uniads.search import Ledger, Measure, SearchSpace, Trial, fingerprint

pytestmark = LIGHTNING

FAKE = ("data=fake", "data.num_classes=4", "data.image_size=[1,8,8]", "data.train_size=60", "data.test_size=20")
FACTS = {"num_classes": 4, "in_channels": 1}
OWN = {"_target_": "uniads.model.resnet.ResNet", "blocks": [1, 1, 1], "channels": [16, 16, 32, 64], "width": 1.0}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return dict(build("model", "resnet8", **FACTS).state_dict())


def score(commands: Commands, file: Path, content: Mapping[str, Any], *more: str) -> Ended:
    torch.save(dict(content), file)
    return commands(evaluate.main, f"checkpoint={file}", *FAKE, *more)


def target(path: str, /, **values: Any) -> dict[str, Any]:
    return {"_target_": path, **values}


HOSTILE: dict[str, Any] = {
    "nested": OWN | {"blocks": target("torch.hub.load", repo_or_dir="evil/evil", model="x")},
    "in a list": OWN | {"blocks": [1, target("os.system", command="touch HERE"), 1]},
    "system": target("os.system", command="touch HERE"),
    "hub": target("torch.hub.load", repo_or_dir="evil/evil", model="x"),
    "partial": OWN | {"_partial_": True},
    "arguments": {"_target_": OWN["_target_"], "_args_": [[1, 1, 1], [16, 16, 32, 64]]},
    "reference": OWN | {"width": "${oc.env:HOME}"},
    "hydra": target("hydra._internal.utils._locate", path="os.system"),
    "call": target("hydra.utils.call", config=target("os.system")),
    "entry point": target("uniads.entry.start", name="train"),
    "command": target("uniads.command.run.run", name="train"),
    "module": target("uniads.model.taps.Tapped", network=target("os.system", command="touch HERE")),
    "borrowed file": target("uniads.model.timm.timm", name="resnet18", checkpoint_path="evil.pth"),
    "borrowed address": target("uniads.model.timm.timm", name="resnet18", pretrained_cfg={"url": "http://evil"}),
    "no text": OWN | {"_target_": 3},
    "no mapping": ["uniads.model.resnet.ResNet"],
    "nothing": {},
    "huge": OWN | {"channels": [16, 10**7, 10**7, 64]},
    "wrong value": OWN | {"blocks": "abc"},
    "wrong name": OWN | {"depth": 3},
    "no stages": OWN | {"blocks": []},
}


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - {"huge"}))
def test_a_checkpoint_makes_nothing_but_networks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"file\.pt") as said, torch.device("meta"):
        build_saved_network(Path("file.pt"), HOSTILE[name], FACTS)
    assert "\n" not in str(said.value)
    assert not (tmp_path / "HERE").exists()


@pytest.mark.parametrize("name", ["nested", "huge"])
def test_evaluate_refuses_what_a_file_may_not_say(
    name: str, commands: Commands, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    ended = score(commands, tmp_path / "file.pt", {"model": weights, "config": HOSTILE[name], **FACTS})
    refused(ended, str(tmp_path / "file.pt"))


def test_a_network_that_the_configuration_names_is_measured_whatever_the_file_says(
    commands: Commands, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    content = {"model": weights, "config": target("my.Net"), **FACTS}
    refused(score(commands, tmp_path / "file.pt", content), "'my.Net' makes its network", "+model@model=NAME")
    assert "test accuracy" in score(commands, tmp_path / "file.pt", content, "+model@model=resnet8", "part=test").out


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "model.", "student.", "module._orig_mod."])
def test_the_names_of_wrappers_are_left_out(prefix: str, weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrapped = {f"{prefix}{name}": value for name, value in weights.items()}
    for content in (wrapped, {"state_dict": wrapped}, {"model": wrapped, "epoch": 3}):
        torch.save(content, tmp_path / "file.pt")
        network = build("model", "resnet8", **FACTS)
        checkpoint.load(network, checkpoint.read(tmp_path / "file.pt")["model"], "file.pt")
        assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_said_to_be(value: float, weights: dict[str, torch.Tensor]) -> None:
    broken = {name: tensor.clone() for name, tensor in weights.items()}
    broken["fc.weight"][0, 0] = value
    with pytest.raises(UserError, match=r"file\.pt holds NaN or infinite values in fc\.weight"):
        checkpoint.load(build("model", "resnet8", **FACTS), broken, "file.pt")


def test_a_loss_that_is_no_number_is_an_error(
    commands: Commands, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    large = {name: tensor * 1e37 if name == "fc.weight" else tensor for name, tensor in weights.items()}
    large["bn1.weight"] = torch.full_like(large["bn1.weight"], 1e37)
    refused(score(commands, tmp_path / "file.pt", {"model": large, "config": OWN, **FACTS}), "loss of", "is nan")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "student.pt"
    checkpoint.save(build("model", "resnet8", **FACTS), file, config=OWN, **FACTS)
    content = file.read_bytes()
    value = checkpoint.read(file)["model"]["fc.weight"].numpy().tobytes()
    place = content.index(value)
    for offset in (0, len(value) // 2):
        file.write_bytes(
            content[: place + offset] + bytes([content[place + offset] ^ 1]) + content[place + offset + 1 :]
        )
        with pytest.raises(DamagedFileError, match=r"student\.pt"):
            checkpoint.read(file)
    file.write_bytes(content)
    assert "contents_hash" not in checkpoint.read(file)


def test_saved_weights_are_contiguous_and_share_no_memory(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(4, 4), nn.Linear(4, 4)).to(memory_format=torch.channels_last)
    network[2].weight = network[1].weight
    checkpoint.save(network, tmp_path / "file.pt")
    kept = checkpoint.read(tmp_path / "file.pt")["model"]
    assert all(value.is_contiguous() for value in kept.values())
    assert len({value.untyped_storage().data_ptr() for value in kept.values()}) == len(kept)


OVERRIDES = [
    "distiller._target_=torch.hub.load",
    "+distiller.more={_target_: os.system, command: touch HERE}",
    "+distiller.more=[{_target_: os.system}]",
    "distiller.logits={_target_: uniads.entry.start, name: train}",
    "+distiller.logits._partial_=true",
    "+distiller._args_=[1]",
    "distiller.logits.tau=${oc.env:HOME}",
    "hydra.searchpath=[file:///tmp]",
    "hydra/launcher=joblib",
    "distiller=../../evil",
    "distiller=/tmp/evil",
    "+../../tmp@distiller=evil",
    "+experiment=../evil",
    "distiller.logits.tau=1,2",
    "distiller.logits.tau=[",
]


def check(*overrides: str) -> None:
    with other_hydra_put_aside(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        check_overrides(Path("ledger.jsonl"), overrides, GlobalHydra.instance().config_loader())


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_of_a_ledger_is_no_more_than_a_value_or_an_option(override: str) -> None:
    with pytest.raises(UserError, match=r"ledger\.jsonl holds the override") as said:
        check("distiller=kd", override)
    assert "\n" not in str(said.value)


def test_the_overrides_of_an_ordinary_search_are_used() -> None:
    check(
        "distiller=searched", "+pair=resnet56-resnet20", "+also=kd", "transform@distiller.logits.transform.first=drop",
        "+distiller.more={_target_: uniads.distiller.node.Node, source: logits}", "recipe.milestones=[1,2]", "seed=0",
        "logger=csv", "threads=1", "+trainer.limit_train_batches=2", "~callback", "teacher.checkpoint='/a b/c.pt'",
        "experiment=null", "model@student=resnet8",
    )  # fmt: skip


def test_a_ledger_runs_nothing(commands: Commands, tmp_path: Path) -> None:
    facts = fingerprint(SearchSpace({"x": [1, 4]}), [Measure("val_loss")], overrides=["distiller=kd", OVERRIDES[0]])
    trial = Trial("c0000", (0,), ("x=1",), 0, 0, 1, 7).completed({"val_loss": 1.0, "params": 1})
    with closing(Ledger(tmp_path / "ledger.jsonl", facts)) as ledger:
        ledger.append(Trial(**{**trial.__dict__, "values": (1.0,)}))
    refused(commands(report.main, f"directory={tmp_path}"), "ledger.jsonl holds the override", "torch.hub.load")
    assert not (tmp_path / "report.html").exists()


def test_a_network_that_is_measured_on_images_of_another_size_is_said_to_be(
    commands: Commands, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    content = {"model": weights, "config": OWN, "data": {"size": [8, 8]}, **FACTS}
    ended = score(commands, tmp_path / "file.pt", content, "data.size=4")
    said = " ".join((ended.out + ended.error).split())
    assert "was trained on images of 8 x 8 pixels and is measured on 4 x 4; data.size=[8,8] gives it its own" in said
    assert "was trained on" not in score(commands, tmp_path / "file.pt", content).error
