"""Configurations put together from kept parts are Hydra's own, of whatever candidate."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from tests.journey import search_space
from uniads.launcher.hydra_private import Composition
from uniads.options import conf_dir

PAIR = "+pair=wrn40_2-wrn16_2"
SHAPE = {"num_classes": 10, "in_channels": 1}
JOB = ("seed=11", "data.seed=0", "epochs=3", "stop_epoch=1", "test=false", "hydra.sweep.subdir=c0001", "trial=true",
       "teacher_store.directory='/a b/c'")  # fmt: skip


class Composers:
    """Hydra and the composition from parts, side by side."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        self.hydra, self.mine = loader, Composition(loader.get_search_path())
        self.master = loader.load_configuration("train", [PAIR, "hydra.sweep.dir='/s'"], RunMode.MULTIRUN)

    def theirs(self, *overrides: str) -> DictConfig:
        return self.hydra.load_sweep_config(self.master, list(overrides))

    def put_together(self, *overrides: str) -> DictConfig | None:
        """None if it is left to Hydra."""
        return self.mine._compose(self.master, [*self.master.hydra.overrides.hydra, *overrides])

    def alike(self, *overrides: str) -> None:
        made = self.put_together(*overrides)
        assert made is not None
        assert written(made) == written(self.theirs(*overrides))


def written(cfg: DictConfig) -> tuple[str, Any]:
    """A job's configuration with its order, and Hydra's own without."""
    with open_dict(cfg):
        hydra = OmegaConf.to_container(cfg.pop("hydra"), resolve=False)
    return OmegaConf.to_yaml(cfg), hydra


@pytest.fixture
def composers() -> Iterator[Composers]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        yield Composers(loader)


@pytest.mark.parametrize("space", ["paper", "balanced", pytest.param("extended", marks=pytest.mark.slow)])
def test_random_candidates_get_hydras_configuration(composers: Composers, space: str) -> None:
    search = composers.hydra.load_configuration("search", [PAIR, f"space={space}"], RunMode.RUN)
    base = [*search.space.base, PAIR]
    points = search_space(PAIR, f"space={space}", "search.warm_start=[]", shape=SHAPE).space
    random = Random(0)
    for seed in range(2):
        genome = tuple(random.randrange(len(dimension.values)) for dimension in points.dimensions)
        overrides = points.overrides(genome)
        assert len(overrides) > len(points.dimensions) / 2  # idle genes are left out
        composers.alike(*base, "threads=1", *overrides, f"seed={seed}", *JOB[1:])


@pytest.mark.parametrize(
    "more",
    [
        ("distiller=searched", "distiller.logits.weight=3", "distance@distiller.logits.distance=l1"),
        ("model@student=vgg8", "student.width=0.5", "data=cifar100"),
        ("recipe@teacher.recipe=paper", "+new=1", "++seed=4", "~teacher.seed"),
        ("data=fake", "data.image_size=[1,8,8]"),
    ],
)
def test_a_users_overrides_mix_as_in_hydra(composers: Composers, more: tuple[str, ...]) -> None:
    composers.alike(PAIR, *more, *JOB)


@pytest.mark.parametrize(
    "more",
    [
        ("node@distiller.logits=embedding", "distance@distiller.logits.distance=l1"),
        ("recipe@teacher.recipe=quick", "data=cifar10"),
        ("hydra.job.chdir=false",),
    ],
)
def test_what_does_not_come_apart_is_left_to_hydra(composers: Composers, more: tuple[str, ...]) -> None:
    assert composers.put_together(PAIR, *more, *JOB) is None
    made = composers.mine.load_sweep_config(composers.master, [PAIR, *more, *JOB])
    assert written(made) == written(composers.theirs(PAIR, *more, *JOB))


@pytest.mark.parametrize("wrong", ["distance@distiller.logits.distance=l3", "student.wide=2", "distiller=kdd"])
def test_a_mistake_is_told_in_hydras_words(composers: Composers, wrong: str) -> None:
    told = []
    for ask in (composers.theirs, lambda *o: composers.mine.load_sweep_config(composers.master, list(o))):
        with pytest.raises((ConfigCompositionException, HydraException)) as error:
            ask(PAIR, wrong, *JOB)
        told.append(str(error.value))
    assert told[0] == told[1]


def test_a_job_does_not_change_the_next(composers: Composers) -> None:
    asked = (PAIR, "distance@distiller.logits.distance=l1", *JOB)
    made = composers.put_together(*asked)
    assert made is not None
    made.distiller.logits.distance._target_ = "changed"
    made.seed = 99
    composers.alike(*asked)
