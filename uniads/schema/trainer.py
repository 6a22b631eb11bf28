"""The keys of Lightning's trainer: those that a training here survives, and why the others are refused."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from uniads.schema.kinds import Count, Length, OptionalFolder, Positive, Switch, Whole, says
from uniads.schema.section import Section, refuse

LENGTH = "the length of a training is epochs and stop_epoch, and a search sets both"
VALIDATION = "a training is validated on the whole split after each epoch; a smaller one is data.val_fraction"
ONE_DEVICE = (
    "a training uses one device; run several at a time with hydra.launcher.n_jobs, and choose a GPU with "
    "CUDA_VISIBLE_DEVICES"
)
OWN = "a training keeps its own checkpoints"

EXCLUDED = {
    "strategy": ONE_DEVICE,
    "num_nodes": ONE_DEVICE,
    "sync_batchnorm": ONE_DEVICE,
    "use_distributed_sampler": ONE_DEVICE,
    "max_epochs": LENGTH,
    "min_epochs": LENGTH,
    "max_steps": LENGTH,
    "min_steps": LENGTH,
    "max_time": f"{LENGTH}; a search ends after search.max_seconds",
    "fast_dev_run": "nothing would be kept; debug=default trains one short epoch",
    "overfit_batches": "it would validate on training images; limit_train_batches shortens an epoch",
    "limit_val_batches": VALIDATION,
    "limit_test_batches": "the test accuracy is that of the whole test set; test=false leaves it out",
    "limit_predict_batches": "nothing is predicted; limit_train_batches shortens an epoch",
    "val_check_interval": VALIDATION,
    "check_val_every_n_epoch": VALIDATION,
    "reload_dataloaders_every_n_epochs": "the images of a training stay the same; data.views=null augments them anew",
    "logger": "choose one with logger=csv, wandb or none",
    "callbacks": "choose them with callback=, or add one as +callback.NAME._target_=CLASS",
    "enable_checkpointing": OWN,
    "barebones": OWN,
    "plugins": "an object can't be given on a command line; write a trainer of your own from Python",
    "model_registry": OWN,
}
"""Parameters of Lightning's trainer that a training here does not survive, or that it sets itself; and what to do."""

PRECISIONS = ("32-true", "64-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "32", "64", "16", "bf16")
Precision = Annotated[
    Literal["32-true", "64-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "32", "64", "16", "bf16"]
    | Literal[32, 64, 16]
    | None,
    says(f"one of {', '.join(PRECISIONS)}"),
]
Batches = Annotated[
    Whole | Annotated[float, Field(gt=0, le=1)] | None,
    says("a number of batches above 0, a share above 0.0 and at most 1.0, or null for all"),
]


class Trainer(Section):
    """``trainer``: every key is an argument of ``pytorch_lightning.Trainer``."""

    advice = "; choose a trainer with trainer=default"
    target: str = Field(alias="_target_")
    accelerator: Annotated[Literal["auto", "cpu", "gpu", "cuda"], says("auto, cpu, gpu or cuda")]
    devices: Annotated[int, Field(ge=1, le=1), says("1", ONE_DEVICE)]
    precision: Precision
    deterministic: Annotated[bool | Literal["warn"] | None, says("true, false or warn")] = None
    num_sanity_val_steps: Annotated[int, Field(ge=0, le=0), says("0", "a training is validated after each epoch")]
    log_every_n_steps: Length = 1
    limit_train_batches: Batches = None
    enable_model_summary: Switch = False
    enable_progress_bar: Switch = True
    enable_autolog_hparams: Switch = True
    accumulate_grad_batches: Count = 1
    gradient_clip_val: Annotated[Positive | None, says("a number above 0, or null for no clipping")] = None
    gradient_clip_algorithm: Annotated[Literal["norm", "value"] | None, says("norm or value")] = None
    benchmark: Annotated[bool | None, says("true, false or null")] = None
    inference_mode: Switch = True
    profiler: Annotated[Literal["simple", "advanced"] | None, says("simple, advanced or null")] = None
    detect_anomaly: Switch = False
    default_root_dir: OptionalFolder = None

    @model_validator(mode="before")
    @classmethod
    def _exclude(cls, given: Any) -> Any:
        for key in given if isinstance(given, Mapping) else ():
            if key in EXCLUDED:
                raise refuse(f"is not allowed: {EXCLUDED[str(key)]}", str(key))
        return given

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.gradient_clip_algorithm and self.gradient_clip_val is None:
            raise refuse(
                "clips nothing without trainer.gradient_clip_val; give both or none", "gradient_clip_algorithm"
            )
        return self
