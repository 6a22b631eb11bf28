"""All private use of Hydra, in one file: pinned to ``hydra-core>=1.3,<1.4``.

* ``Composition`` puts a job's configuration together from parts that Hydra composes once a process. A candidate of
  ``space=paper`` takes 14 ms instead of Hydra's 229 ms (two x86 cores, medians, n = 9 each). Without it every job of a
  search would take that much longer; nothing else would change.
* ``build_callbacks`` makes what a launcher's context needs. Without it no launcher can be set up from Python.
* ``job_error`` reads an error without raising it. Without it one failed job would hide the answers of its batch.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from os import getcwd
from typing import Any, NamedTuple, final

from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.default_element import ConfigDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from uniads.cache import shared

PLAIN = ("hydra.sweep.", "hydra.run.", "hydra.launcher.")
"""Hydra's own settings that change nothing but themselves."""


class Frame(NamedTuple):
    """What the options that jobs share come to.

    Attributes:
        cfg: their configuration.
        files: every option's file and place, and what it writes into the whole.
    """

    cfg: DictConfig
    files: list[tuple[str, str, Any]]


@dataclass(frozen=True)
class SortedOverrides:
    """The overrides of a job by what they do.

    Attributes:
        frame: options without a package of their own, and those added or removed.
        picks: options that are chosen at a place, such as ``distance@distiller.logits.distance=l2``.
        values: everything else.
    """

    frame: tuple[str, ...]
    picks: tuple[Override, ...]
    values: tuple[Override, ...]


@final
class Composition(ConfigLoaderImpl):
    """Composes the configurations of many jobs that differ in a few options and values.

    The options that jobs share are composed once. An option that is picked at a place stands there as it is in its
    file, if no other file writes to this place, and it brings no options of its own but a part that it begins with
    (``part/plain@_here_``): then it is set in without composing. Values are applied as Hydra applies them. Whatever
    does not fit is left to Hydra, so that every configuration, and every error, is Hydra's own. Files are read once a
    process.
    """

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job."""
        try:
            made = self._compose(master_config, [*master_config.hydra.overrides.hydra, *sweep_overrides])
        except HydraException:
            made = None  # composed again as a whole, its message names what the user wrote
        return made or super().load_sweep_config(master_config, sweep_overrides)

    def _compose(self, master: DictConfig, overrides: list[str]) -> DictConfig | None:
        parsed = [_parse(override) for override in overrides]
        mine = self._sort(parsed)
        if mine is None:
            return None
        frame = self._frame(str(master.hydra.job.config_name), mine.frame)
        options = [self._option(frame, pick) for pick in mine.picks]
        if None in options:
            return None
        cfg = deepcopy(frame.cfg)
        for pick, option in zip(mine.picks, options, strict=True):
            OmegaConf.update(cfg, str(pick.package), deepcopy(option), merge=False)
            cfg.hydra.runtime.choices[pick.get_key_element()] = pick.value()
        self._apply_overrides_to_config(list(mine.values), cfg)
        _sign(cfg, parsed)
        OmegaConf.copy_cache(from_config=master, to_config=cfg)
        return cfg

    def _sort(self, overrides: list[Override]) -> SortedOverrides | None:
        """The overrides by what they do; None if some of them need Hydra."""
        frame, picks, values = [], [], []
        for override in overrides:
            key = override.key_or_group
            if override.is_sweep_override() or (key.startswith("hydra.") and not key.startswith(PLAIN)):
                return None
            if isinstance(override.value(), dict) or not self.repository.group_exists(key):
                values.append(override)
            elif override.package and override.type is not None and override.type.name == "CHANGE":
                picks.append(override)
            else:
                frame.append(str(override.input_line))
        places = sorted(f"{pick.package}." for pick in picks)
        nested = any(after.startswith(before) for before, after in pairwise(places))
        special = any(place.startswith("_") or ":" in place for place in places)
        return None if nested or special else SortedOverrides(tuple(frame), tuple(picks), tuple(values))

    def _frame(self, name: str, overrides: tuple[str, ...]) -> Frame:
        key = (str(self.config_search_path), name, overrides)

        def compose() -> Frame:
            cfg = self.load_configuration(name, list(overrides), RunMode.RUN)
            options = self.compute_defaults_list(name, list(overrides), RunMode.RUN).defaults
            files = [
                (str(each.config_path), str(each.package), self._load_single_config(each, self.repository).config)
                for each in options
            ]
            return Frame(cfg, files)

        return shared.get("frame", key, compose, size=32)

    def _option(self, frame: Frame, pick: Override) -> Any:
        """What a picked option puts in its place; None if that is not simply what its file holds."""
        group, place = pick.key_or_group, str(pick.package)
        here = [file for file, package, _ in frame.files if package == place and file.rpartition("/")[0] == group]
        parts = self._parts(here)
        writers = [file for file, _, whole in frame.files if OmegaConf.select(whole, place) is not None]
        writers = [file for file in writers if file not in parts]
        known = pick.get_key_element() in frame.cfg.hydra.runtime.choices
        if not known or len(here) != 1 or writers != here or not isinstance(pick.value(), str):
            return None
        old, new = self._file(here[0]), self._file(f"{group}/{pick.value()}")
        return None if old is None else new

    def _file(self, path: str) -> Any:
        """What an option's file holds; None if it is elsewhere, brings options of its own, or there is none."""
        key = (str(self.config_search_path), path)

        def read() -> Any:
            found = self.repository.load_config(path)
            if found is None or found.header.get("package") or not OmegaConf.is_dict(found.config):
                return None
            parts = self._parts([path])
            if len(parts) < sum(not each.is_self() for each in found.defaults_list or []):
                return None
            held = [self._file(part) for part in parts]
            return None if None in held else OmegaConf.unsafe_merge(*held, found.config)

        return shared.get("option", key, read, size=1024)

    def _parts(self, files: list[str]) -> list[str]:
        """The files that these begin with, in one place with them and before what they say themselves."""
        parts = []
        for file in files:
            found = self.repository.load_config(file)
            listed = (found.defaults_list if found else None) or []
            if listed and listed[-1].is_self():
                here = [each for each in listed[:-1] if isinstance(each, ConfigDefault) and each.package == ""]
                parts += [f"{file.rpartition('/')[0]}/{each.path}" for each in here]
        return parts


def build_callbacks(config: DictConfig) -> Callbacks:
    """Hydra's callbacks, as the context of a launcher needs them."""
    return Callbacks(config)


def job_error(job: JobReturn) -> BaseException | None:
    """What a job raised, without raising it; None where it returned."""
    value = job._return_value
    return value if isinstance(value, BaseException) else None


@lru_cache(maxsize=4096)
def _parse(override: str) -> Override:
    return OverridesParser.create().parse_override(override)


def _sign(cfg: DictConfig, overrides: list[Override]) -> None:
    """Write down what a configuration was asked for, as Hydra does."""
    task = [override for override in overrides if not override.is_hydra_override()]
    cfg.hydra.overrides.task = [override.input_line for override in task]
    cfg.hydra.overrides.hydra = [override.input_line for override in overrides if override.is_hydra_override()]
    form = cfg.hydra.job.config.override_dirname
    cfg.hydra.job.override_dirname = get_overrides_dirname(task, form.exclude_keys, form.item_sep, form.kv_sep)
    cfg.hydra.runtime.cwd = getcwd()
