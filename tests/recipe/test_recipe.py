"""Recipes: what they refuse, how they are squeezed, and what old facts of them stay."""

from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import nn

from tests.journey import configured
from uniads import build, configure
from uniads.options import options
from uniads.recipe import Recipe
from uniads.teacher.identity import recipe_facts


def recipe(**more: Any) -> Recipe:
    plain = {
        "epochs": 10, "batch_size": 8, "lr": 0.5, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0,
        "milestones": [4, 8], "gamma": 0.1,
    }  # fmt: skip
    return Recipe(**{**plain, **more})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"schedule": "step"}, "recipe.schedule must be multistep or cosine, got 'step'"),
        ({"optimizer": "adam"}, "recipe.optimizer must be sgd or adamw or dot, got 'adam'"),
        ({"warmup": 10}, r"recipe.warmup must be a whole number .*, below recipe.epochs=10, .*, got 10"),
        ({"warmup": 1.0}, r"or a share of the epochs from 0.0 to below 1.0, got 1.0"),
        ({"label_smoothing": 1.0}, "recipe.label_smoothing must be 0 or more and below 1, got 1.0"),
        ({"beta2": 1.0}, "recipe.beta2 must be 0 or more and below 1"),
        ({"ema": 1.0}, "recipe.ema must be above 0 and below 1, or null for no average, got 1.0"),
        ({"mixup": -1.0}, "recipe.mixup must be 0 or more, got -1.0"),
        ({"cutmix": float("inf")}, "recipe.cutmix must be 0 or more, got inf"),
        ({"randaugment": [0, 9]}, r"recipe.randaugment must be null, .* such as \[2, 9\], got \[0, 9\]"),
        ({"randaugment": [2, 31]}, r"a magnitude from 0 to 30, .*, got \[2, 31\]"),
        ({"optimizer": "dot", "delta": 0.1}, r"recipe.delta=0.1 puts a momentum .* below 1: they are .*=0.9"),
        ({"optimizer": "dot", "delta": 0.2, "momentum": 0.1}, "recipe.delta=0.2 puts a momentum"),
        ({"optimizer": "adamw", "nesterov": True}, "recipe.nesterov must be false with recipe.optimizer=adamw"),
    ],
)
def test_what_no_recipe_can_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(**wrong)


@pytest.mark.parametrize("name", options("recipe"))
def test_a_recipe_says_every_key_of_its_class(name: str) -> None:
    cfg = configured(f"recipe={name}")
    configure("+pair=resnet56-resnet20", f"recipe={name}", "paths.run_dir=nowhere")
    assert {str(key) for key in cfg.recipe} - {"_target_"} == set(asdict(recipe()))
    assert configured(f"recipe@teacher.recipe={name}").teacher.recipe.epochs == cfg.recipe.epochs


def test_the_published_recipes_do_without_what_is_new() -> None:
    for name in ("crd", "paper", "imagenet", "quick"):
        made = build("recipe", name)
        old = ("epochs", "batch_size", "lr", "momentum", "nesterov", "weight_decay", "milestones", "gamma")
        assert recipe_facts(made).keys() == {"class", *old}, name
        assert recipe_facts(made)["class"] == "uniads.recipe.Recipe"


def test_facts_tell_a_new_key_that_is_set() -> None:
    assert recipe_facts(recipe(ema=0.9))["ema"] == 0.9
    assert recipe_facts(recipe(randaugment=[2, 9]))["randaugment"] == [2, 9]
    assert "delta" not in recipe_facts(recipe(optimizer="dot"))
    assert recipe_facts(recipe(optimizer="dot", delta=0.09))["delta"] == 0.09


def test_the_average_reaches_back_over_the_same_share_of_a_shorter_training() -> None:
    long, short = recipe(ema=0.999), 5
    assert long.squeeze_ema(10) == 0.999
    squeezed = long.squeeze_ema(short)
    assert squeezed is not None
    # After as many steps for each epoch the first weights count as much.
    assert squeezed ** (100 * short) == pytest.approx(0.999 ** (100 * 10), rel=1e-9)
    assert recipe().squeeze_ema(5) is None


def test_adamw_is_that_of_torch() -> None:
    ends = []
    for ours in (True, False):
        weight = nn.Parameter(torch.linspace(-1, 1, 7, dtype=torch.float64))
        facts = {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}
        made = recipe(optimizer="adamw", lr=0.01, momentum=0.8, beta2=0.99, weight_decay=0.1)
        optimizer = made.build_optimizer([weight]) if ours else torch.optim.AdamW([weight], **facts)
        for step in range(5):
            weight.grad = torch.cos(weight.detach() + step)
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-12)
