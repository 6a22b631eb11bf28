"""UniADS: search a student's architecture and its distillation together.

Importing this package imports nothing heavy; torch and Hydra are loaded by the parts that need them, when these are
first used:

    import uniads

    settings = uniads.configure("+pair=resnet56-resnet20", "distiller=kd", "epochs=2", "logger=none", "callback=none")
    outcome = uniads.fit(settings)
    print(outcome.test_acc1_last)

The search engine is ``uniads.search``, the contracts for classes of your own are ``uniads.testing``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uniads.error import UserError
from uniads.options import build, options

if TYPE_CHECKING:
    from uniads import search, testing
    from uniads.bridge.diswot import score as diswot_score
    from uniads.bridge.training_settings import configure
    from uniads.knowledge import Batch, Knowledge
    from uniads.learner.learner import Learner
    from uniads.outcome import Outcome
    from uniads.recipe import Recipe
    from uniads.settings.training import TrainingSettings
    from uniads.training.fit import fit

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "Knowledge",
    "Learner",
    "Outcome",
    "Recipe",
    "TrainingSettings",
    "UserError",
    "__version__",
    "build",
    "configure",
    "diswot_score",
    "fit",
    "options",
    "search",
    "testing",
]

_LAZY = {
    "Batch": "uniads.knowledge:Batch",
    "Knowledge": "uniads.knowledge:Knowledge",
    "Learner": "uniads.learner.learner:Learner",
    "Outcome": "uniads.outcome:Outcome",
    "Recipe": "uniads.recipe:Recipe",
    "TrainingSettings": "uniads.settings.training:TrainingSettings",
    "configure": "uniads.bridge.training_settings:configure",
    "diswot_score": "uniads.bridge.diswot:score",
    "fit": "uniads.training.fit:fit",
    "search": "uniads.search",
    "testing": "uniads.testing",
}
"""Where the names are that load torch or Hydra."""


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'uniads' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    return getattr(import_module(module), attribute) if attribute else import_module(module)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
