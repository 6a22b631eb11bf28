"""What the jobs of a search do."""

from omegaconf import DictConfig

from uniads.bridge.training_settings import training_settings
from uniads.outcome import Outcome
from uniads.training.fit import fit


def train_configured(cfg: DictConfig) -> Outcome:
    """Train one student as a configuration says."""
    return fit(training_settings(cfg))
