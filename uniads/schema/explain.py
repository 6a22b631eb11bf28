"""Hydra's and OmegaConf's errors as a sentence that tells a user what to do."""

import re

from hydra.errors import HydraException, InstantiationException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from uniads.error import did_you_mean

EXTRAS = {"ray": "ray", "submitit_local": "submitit", "submitit_slurm": "submitit"}
"""Launchers of libraries that are not always installed."""

FOREIGN = "Invalid plugin"
"""What Hydra says of a launcher outside of its own namespace, which only a search can use."""


def format_error(error: BaseException) -> str:
    """What a user reads: the innermost reason, and the nearest known names for an unknown one."""
    text = str(error).strip()
    if FOREIGN in text:
        return "launcher=pool is for searches; with -m use launcher=joblib, which is for both"
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (.+)", text)
        cause = str(error.__cause__).strip()
        return f"{key.group(1)}: {cause}" if key else cause
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        extra = EXTRAS.get(name) if group == "hydra/launcher" else None
        mend = f"Install it with pip install 'uniads[{extra}]'." if extra else did_you_mean(name, error.options)
        return f"there is no {group} {name!r}; there are {', '.join(error.options)}. {mend}".strip()
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        node = error.__cause__.parent_node
        known = [str(key) for key in node] if isinstance(node, DictConfig) else []
        text = f"{text} {did_you_mean(str(error.__cause__.key), known) or 'There are: ' + ', '.join(known)}"
    if "appears more than once in the final defaults list" in text:
        text = f"{text}. Leave out the + before a group that has an option already, as in distiller=kd"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
