"""Every key of every command is checked: what it is, what it may be, and which key is at fault."""

from copy import deepcopy
from functools import cache, reduce
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from uniads.error import UserError
from uniads.options import conf_dir, other_hydra_put_aside
from uniads.schema.check import SCHEMAS, check, read_plain, show_value, validate

REMOVED = object()


@cache
def whole(command: str, *overrides: str) -> DictConfig:
    """A command's configuration, as it reaches the command."""
    bare = command in ("compare", "export", "report", "evaluate") or any(each.startswith("+pair") for each in overrides)
    pair = () if bare else ("+pair=resnet56-resnet20",)
    with other_hydra_put_aside(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose(command, [*pair, *overrides], return_hydra_config=True)
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir = "here"
    return cfg


@cache
def plain(command: str) -> dict[str, Any]:
    """The values of a command's configuration."""
    HydraConfig.instance().set_config(whole(command))
    values: dict[str, Any] = read_plain(whole(command), {})
    return values


def refusal(command: str, key: str, value: object) -> str:
    """What is said of one value; empty where it is allowed."""
    *above, name = key.split(".")
    values = deepcopy(plain(command))
    group = reduce(lambda node, step: node[step], above, values)
    if value is REMOVED:
        del group[name]
    else:
        group[name] = value
    try:
        validate(SCHEMAS[command], values, whole(command), {})
    except UserError as error:
        return str(error)
    return ""


def refused(command: str, *overrides: str) -> str:
    """What is said of a command line; empty where it is allowed."""
    cfg = whole(command, *overrides)
    HydraConfig.instance().set_config(cfg)
    try:
        check(command, cfg)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("command", SCHEMAS)
def test_what_a_command_has_from_its_files_is_allowed(command: str) -> None:
    assert not refused(command)


SWITCHES = {
    "train": ["test", "trial", "data.holdout", "recipe.nesterov", "teacher.train"],
    "search": ["final", "report", "search.force", "search.final", "test", "trial", "data.holdout"],
    "compare": ["noise"],
    "evaluate": ["data.holdout"],
}
COUNTS = {
    "train": [
        "epochs",
        "threads",
        "recipe.batch_size",
        "recipe.epochs",
        "teacher.stop_epoch",
        "stop_epoch",
        "data.views",
    ],
    "search": ["search.candidates", "search.offspring", "search.population"],
    "compare": ["seeds", "jobs"],
}
SEEDS = {"train": ["seed", "teacher.seed", "data.seed"], "search": ["search.seed"], "compare": ["seed"]}
NUMBERS = {
    "train": ["recipe.lr", "recipe.gamma", "chance", "teacher_store.max_gb", "recipe.weight_decay", "data.fraction"],
    "search": ["search.max_epochs", "search.max_seconds", "search.max_failures", "search.crossover", "search.mutation"],
    "compare": ["epochs"],
}
NULLABLE = {
    "threads", "chance", "data.views", "search.max_epochs", "search.max_seconds", "search.mutation", "epochs@compare",
}  # fmt: skip


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(command, key) for command, keys in table.items() for key in keys]


@pytest.mark.parametrize(("command", "key"), pairs(SWITCHES))
def test_a_switch_is_true_or_false_and_nothing_that_looks_like_it(command: str, key: str) -> None:
    for value in ("no", 1, None):
        assert refusal(command, key, value) == f"{key} must be true or false, got {show_value(value)}"
    if key not in ("trial", "test", "data.holdout", "recipe.nesterov"):
        assert not refusal(command, key, value=True) + refusal(command, key, value=False)


@pytest.mark.parametrize(("command", "key"), pairs(COUNTS))
def test_a_count_is_a_whole_number_above_0(command: str, key: str) -> None:
    for value in ("3", 0, 2.5, True, float("nan"), [2]):
        said = refusal(command, key, value)
        assert said.startswith(f"{key} must be a whole number "), said
        assert f", got {show_value(value)}" in said
    assert bool(refusal(command, key, None)) == (key not in NULLABLE)
    assert not refusal(command, key, 6)


@pytest.mark.parametrize(("command", "key"), pairs(SEEDS))
def test_a_seed_is_what_every_generator_takes(command: str, key: str) -> None:
    for value in (-1, 2**32, "7", None):
        assert (
            refusal(command, key, value)
            == f"{key} must be a whole number from 0 to 4294967295, got {show_value(value)}"
        )
    assert not refusal(command, key, 0) + refusal(command, key, 2**32 - 1)


@pytest.mark.parametrize(("command", "key"), pairs(NUMBERS))
def test_a_number_is_finite_and_no_text(command: str, key: str) -> None:
    for value in ("0.1", -0.5, float("nan"), float("inf"), True):
        said = refusal(command, key, value)
        assert said.startswith(f"{key} must be a number"), said
        assert f", got {show_value(value)}" in said
    nullable = key in NULLABLE or f"{key}@{command}" in NULLABLE
    assert bool(refusal(command, key, None)) == (not nullable)
    assert not refusal(command, key, 0.5) + refusal(command, key, 1)


@pytest.mark.parametrize(
    ("command", "key", "value", "said"),
    [
        ("search", "search.rungs", 3, "must be a list of epochs above 0 that rise strictly, such as [3,8,24], got 3"),
        ("search", "search.rungs", [2, 1], "rise strictly"),
        ("search", "search.quotas", ["a"], "must be a list of counts above 0"),
        ("search", "search.measures", None, "must be numbers to minimise"),
        ("search", "search.measures", {}, "must be numbers to minimise"),
        ("search", "search.measures.loss", "val_loss", "must be a group of keys with name and target"),
        ("search", "search.measures.loss.target", "pair", "can't be pair with name=val_loss"),
        ("search", "search.measures.size.target", -1, "must be a number above 0, pair, or null, got -1"),
        ("search", "search.max_params", "tacher", "must be null, teacher, pair, or a whole number above 0"),
        ("search", "search.algorithm", None, "choose an algorithm with algorithm@search.algorithm=nsga2"),
        ("search", "search.algorithm._partial_", False, "must be true: an algorithm is made when the space is known"),
        ("search", "search.algorithm._target_", REMOVED, "must name a class"),
        ("search", "search.rejection", 3, "search.rejection=null keeps outliers"),
        ("search", "space.dimensions", None, "must be lists of values by key"),
        ("search", "space.base", None, "must be a list of overrides"),
        ("search", "space.genes", [1], "must be lists of values by key of the student"),
        ("search", "space.genes.blocks", [[1], [2]], "must be a list of numbers, texts, true, false or null"),
        ("search", "data.holdout", False, "must be true: candidates are judged by the images that are held out"),
        ("train", "student", "resnet20", "choose a network with model@student=resnet20"),
        ("train", "student._target_", REMOVED, "must name a class"),
        ("train", "assistant", {"a": 1}, "must be a network, or a list of networks"),
        ("train", "assistant", [3], "must be a network, or a list of networks"),
        ("train", "logger", None, "logger=none leaves it out, got null"),
        ("train", "logger", REMOVED, "is missing, and is needed: remove ~logger, or give it a value; logger=none"),
        ("train", "callback", REMOVED, "callback=none leaves it out"),
        ("train", "recipe", 3, "must be a group of keys; choose a recipe with recipe=quick"),
        ("train", "recipe.milestones", [4, 2], "must be a list of whole numbers above 0 that rise, got [4, 2]"),
        ("train", "recipe.momentum", 1, "must be a number, 0 or more and below 1, got 1"),
        ("train", "recipe.momentum", REMOVED, "recipe.momentum is missing"),
        ("train", "recipe.schedule", "step", "must be multistep or cosine, got 'step'"),
        ("train", "recipe.optimizer", "adam", "must be sgd, adamw or dot, got 'adam'"),
        ("train", "recipe.warmup", 1.5, "must be a whole number of epochs, 0 or more, or a share of the epochs from"),
        ("train", "recipe.warmup", -1, "must be a whole number of epochs, 0 or more"),
        ("train", "recipe.ema", 1.0, "must be a number above 0 and below 1, or null for no average, got 1.0"),
        ("train", "recipe.label_smoothing", 1, "must be a number, 0 or more and below 1, got 1"),
        ("train", "recipe.randaugment", [2], "a magnitude from 0 to 30, such as [2,9], or null for none, got [2]"),
        ("train", "teacher.recipe.mixup", -0.1, "must be a number, 0 or more, got -0.1"),
        ("train", "stop_epoch", 100, "must be above 0 and at most epochs=6, got 100"),
        ("train", "teacher.dtype", "float64", "must be float32, bfloat16 or auto, got 'float64'"),
        ("train", "compile", "maybe", "must be true, false, auto or graphs"),
        ("train", "pair", None, "must be a text, got null"),
        ("train", "paths.output_dir", 3, "must be the path of a folder, got 3"),
        ("evaluate", "part", "train", "must be val or test, got 'train'"),
        ("evaluate", "data.num_classes", 1, "must be a whole number of at least 2, got 1"),
        ("train", "data.size", [4], "must be a number of pixels above 0, a list of height and width, or null, got [4]"),
        ("search", "data.size", 0, "must be a number of pixels above 0, a list of height and width, or null, got 0"),
        ("evaluate", "data.size", 2.5, "must be a number of pixels above 0, a list of height and width, or null"),
        ("compare", "algorithms", "paper", "must be a list of options of conf/search"),
        ("compare", "algorithms", [], "must be a list of options of conf/search"),
        ("sweep", "sweep.results", "a.csv", "must be a list of files"),
        ("export", "storage", None, "must be a text, got null"),
        ("report", "directory", None, "must be the path of a folder, got null"),
    ],
)  # fmt: skip
def test_a_value_that_is_not_what_its_key_means_is_told(command: str, key: str, value: object, said: str) -> None:
    sentence = refusal(command, key, value)
    assert sentence.startswith(key)
    assert said in sentence
    assert "\n" not in sentence


def test_the_key_that_was_written_is_named_and_not_one_that_refers_to_it() -> None:
    assert refused("train", "recipe.epochs=abc").startswith("recipe.epochs must be")
    assert refused("search", "seed=abc").startswith("seed must be")


def test_a_reference_that_leads_nowhere_is_told_with_its_key() -> None:
    assert refused("train", "epochs=${nothing}") == "epochs can't be resolved: Interpolation key 'nothing' not found"
    assert refused("train", "~recipe").startswith("recipe is missing, and is needed")


@pytest.mark.parametrize(
    ("command", "key", "near"),
    [
        ("train", "foo", ""),
        ("train", "epoch", "Did you mean epochs"),
        ("train", "recipe.lrr", "Did you mean lr?"),
        ("train", "teacher.seeds", "Did you mean seed?"),
        ("train", "teacher_store.directori", "Did you mean directory?"),
        ("train", "trainer.acelerator", "Did you mean accelerator?"),
        ("search", "search.candidate", "Did you mean candidates?"),
        ("search", "space.dimension", "Did you mean dimensions?"),
        ("search", "search.measures.loss.nam", "Did you mean name?"),
        ("compare", "algorithm", "Did you mean algorithms?"),
        ("evaluate", "parts", "Did you mean part or paths?"),
        ("sweep", "sweep.result", "Did you mean results?"),
    ],
)
def test_a_key_that_there_is_not_is_told_with_its_neighbours(command: str, key: str, near: str) -> None:
    sentence = refusal(command, key, 1)
    assert sentence.startswith(f"there is no key '{key}'; ")
    assert near in sentence


def test_a_key_of_ones_own_is_allowed_where_another_refers_to_it() -> None:
    assert not refused("train", "+mine=0.3", "recipe.lr=${mine}")
    assert refused("train", "+mine=0.3").startswith("there is no key 'mine'")


@pytest.mark.parametrize(
    "overrides",
    [
        ("+also=kd", "+assistant=resnet56", "+distiller.until=0.5"), ("+assistant=[resnet56,resnet32]",),
        ("debug=default",),
        ("model@teacher.model=timm", "teacher.model.name=vit", "+teacher.model.img_size=32"),
        ("data.views=8",), ("callback=sweep",), ("logger=none",),
        ("data=imagefolder", "data.folder=d"), ("recipe.lr=1", "chance=2"), ("teacher.checkpoint=file.pt",),
        ("+pair=vgg13-mobilenetv2",), ("trainer.limit_train_batches=20",),
        ("+trainer.enable_progress_bar=false", "callback=none"),
    ],
)  # fmt: skip
def test_what_the_pages_show_is_allowed(overrides: tuple[str, ...]) -> None:
    assert not refused("train", *overrides)
