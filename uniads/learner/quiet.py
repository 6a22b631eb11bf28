"""What a terminal is spared."""

import logging
import os
import warnings


def hush() -> None:
    """Keep notices that repeat with every candidate off the terminal: Lightning's and W&B's. Errors still show."""
    os.environ.setdefault("WANDB_SILENT", "true")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for module in ("pytorch_lightning", "lightning_fabric", "torch.optim", "torchmetrics"):
        warnings.filterwarnings("ignore", module=module)
