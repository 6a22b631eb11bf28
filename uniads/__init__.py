"""UniADS: search a student's architecture and its distillation together.

Importing this package imports nothing heavy; torch and Hydra are loaded by the parts that need them.
"""

from uniads.options import build, options

__version__ = "0.1.0"
__all__ = ["__version__", "build", "options"]
