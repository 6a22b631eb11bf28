"""Many trainings as the paper's kind of table."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from uniads.error import UserError
from uniads.report.literature import find_accuracies, read_literature
from uniads.report.trainings import write_trainings
from uniads.report.trainings.training import group_trainings, read_trainings


def trained(folder: Path, seed: int, acc1: float, method: str = "kd", given: tuple[str, ...] = (), **more: Any) -> None:
    """What one training leaves."""
    place = folder / f"{method}-{seed}-{len(list(folder.glob('*')))}"
    (place / ".hydra").mkdir(parents=True)
    shares = more.pop("shares", {})
    cfg = {
        "pair": "wrn40_2-wrn16_2", "seed": seed, "epochs": 240, "recipe": {"lr": 0.05}, "data": {"seed": "${seed}"},
        "paths": {"run_dir": str(place)},
    } | more  # fmt: skip
    choices = {"data": "cifar100", "distiller": method, "recipe": "crd"}
    outcome = {
        "test_acc1_last": acc1, "test_acc1_best": acc1 + 0.01, "val_acc1": None, "params": 703284, "epochs": 240,
        "rejected": None, "shares": shares,
    }  # fmt: skip
    (place / ".hydra/config.yaml").write_text(yaml.safe_dump(cfg))
    (place / ".hydra/hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}))
    (place / ".hydra/overrides.yaml").write_text(yaml.safe_dump(["+pair=wrn40_2-wrn16_2", *given]))
    (place / "outcome.json").write_text(json.dumps(outcome))


def test_a_mean_is_over_seeds_alone(tmp_path: Path) -> None:
    for seed, acc1 in enumerate((0.74, 0.75, 0.76)):
        trained(tmp_path, seed, acc1)
    trained(tmp_path, 0, 0.9, recipe={"lr": 0.1}, given=("recipe.lr=0.1",))
    trained(tmp_path, 0, 0.7, "plain")
    long, matrix, beside = write_trainings(tmp_path)
    assert beside.name == "beside_plain"
    rows = {str(row[2]): dict(zip(long.columns, row, strict=True)) for row in long.rows}
    assert set(rows) == {"kd (recipe.lr=0.05)", "kd (recipe.lr=0.1)", "plain"}
    kd = rows["kd (recipe.lr=0.05)"]
    assert (kd["n"], kd["seeds"]) == (3, "0 1 2")
    assert (kd["test, last epoch"], kd["test, best epoch"]) == ("75.00 (1.00)", "76.00 (1.00)")
    assert kd["validation, last epoch"] is None
    assert kd["published"] == "74.92 [crd]"
    assert "arXiv:1910.10699" in str(kd["source"])
    assert rows["kd (recipe.lr=0.1)"]["published"] is None, "another recipe is not the published training"
    assert rows["plain"]["test, last epoch"] == "70.00", "one training has no deviation"
    assert matrix.columns == ("method", "wrn40_2-wrn16_2")
    assert ("plain", "70.00, n = 1 [73.26 crd]") in matrix.rows
    for name in ("trainings", "methods_cifar100"):
        assert all((tmp_path / "report" / f"{name}.{kind}").exists() for kind in ("csv", "md", "tex"))


def test_what_a_pair_says_of_other_distillers_tells_no_trainings_apart(tmp_path: Path) -> None:
    trained(tmp_path, 0, 0.5)
    trained(tmp_path, 1, 0.5, published={"review": {"weight": 5}})
    trained(tmp_path, 0, 0.5, "review", published={"review": {"weight": 5}})
    trained(tmp_path, 1, 0.5, "review", published={"review": {"weight": 3}})
    assert sorted(len(group) for group in group_trainings(read_trainings(tmp_path))) == [1, 1, 2]


def test_a_seed_counts_once(tmp_path: Path) -> None:
    trained(tmp_path, 0, 0.5)
    trained(tmp_path, 0, 0.6)
    assert [
        [training.outcome["test_acc1_last"] for training in group]
        for group in group_trainings(read_trainings(tmp_path))
    ] == [[0.6]]


def test_a_directory_without_trainings_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither a ledger\.jsonl nor .* python -m uniads\.train -m"):
        read_trainings(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "ledger.jsonl").touch()
    with pytest.raises(ValueError, match=r"add directory=.*run"):
        read_trainings(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [("outcome.json", "{", r"outcome\.json is no JSON"), (".hydra/config.yaml", "a: [", r"config\.yaml is no YAML")],
)
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, file: str, text: str, message: str) -> None:
    trained(tmp_path, 0, 0.5)
    (tmp_path / "kd-0-0" / file).write_text(text)
    with pytest.raises(UserError, match=message):
        read_trainings(tmp_path)


def test_published_numbers_have_sources() -> None:
    data_sets, sources = read_literature()["data"].values(), read_literature()["sources"]
    cells = [cell for methods in data_sets for method in methods.values() for cell in method.values()]
    assert len(cells) > 100
    for cell in cells:
        assert cell
        assert set(cell) <= set(sources)
        assert all(50 < number < 90 for number in cell.values())
    assert find_accuracies("cifar100", "dist", "resnet32x4-resnet8x4") == {"dist": 76.31, "uniads": 75.79}
    assert find_accuracies("digits", "kd", "wrn40_2-wrn16_2") == {}


def beside_plain(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of the table beside no teacher, by method."""
    sheet = next(sheet for sheet in write_trainings(folder) if sheet.name == "beside_plain")
    return {str(row[2]): dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows}


def test_methods_stand_beside_the_same_student_alone_with_the_same_seeds(tmp_path: Path) -> None:
    for seed, alone in enumerate((0.70, 0.72, 0.71)):
        trained(tmp_path, seed, alone, "plain")
        trained(tmp_path, seed, alone + 0.02 + 0.001 * seed, "kd", shares={"task": 0.3, "logits": 0.7})
        trained(tmp_path, seed, alone - 0.05 + 0.001 * seed, "sp", shares={"task": 0.1, "feature": 0.9})
        trained(tmp_path, seed, alone + (-1) ** seed * 0.03, "at", shares={"task": 0.5, "attention": 0.5})
    trained(tmp_path, 7, 0.9, "kd")
    rows = beside_plain(tmp_path)
    assert set(rows) == {"kd", "sp", "at"}
    kd = rows["kd"]
    assert (kd["n"], kd["difference"], kd["found"]) == (3, "+2.10", "better than alone")
    assert kd["95% interval"] == "+1.85 to +2.35"  # 2.1 and 4.303 * 0.1 / sqrt(3)
    assert rows["sp"]["found"] == "worse than alone; feature drowned the labels"
    assert rows["sp"]["gradient"] == "feature 90%, task 10%"
    assert rows["at"]["found"] == "not told apart"


def test_other_settings_and_single_seeds_prove_nothing(tmp_path: Path) -> None:
    trained(tmp_path, 0, 0.7, "plain")
    trained(tmp_path, 0, 0.8, "kd", recipe={"lr": 0.1}, given=("recipe.lr=0.1",))
    assert all(sheet.name != "beside_plain" for sheet in write_trainings(tmp_path))
    trained(tmp_path, 0, 0.6, "sp")
    assert beside_plain(tmp_path)["sp"]["found"] == "one seed tells nothing"
