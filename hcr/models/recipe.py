"""How a network is trained, as one object. Imports no Keras."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hcr.errors import ParameterError, nearest

# Name to what it does, of each parameter that is a choice.
CHOICES = tomllib.loads(Path(__file__).with_name("recipe.toml").read_text("utf-8"))
AUGMENTATIONS, OPTIMIZERS, SCHEDULES, LOSSES, KEEPS, PRECISIONS = CHOICES.values()


# The class bodies are read as text, too: default, [range or choices], help.
@dataclass(frozen=True, kw_only=True)
class Levers:
    """What is rarely changed: the parameter `recipe` of `03_train`."""

    label_smoothing: float = 0.0  # [0..1) share of each label that is spread over all classes
    momentum: float = 0.0  # [0..1) of sgd: share of the last step that is made again
    dropout: float | None = None  # [0..1) rate of the network's dropout layers; null: its own
    steps_per_epoch: int | None = None  # [1..1000000] steps of an epoch; null: a pass of the plan
    clipnorm: float | None = None  # (0..] longest gradient of one array of weights; null: any
    plateau_patience: int = 2  # [0..1000] epochs without a lower loss that plateau waits for
    plateau_factor: float = 0.1  # (0..1) what plateau then multiplies the learning rate by
    patience: int | None = None  # [1..1000] stop after so many epochs without a gain; null: never
    teacher: str | None = None  # trained models, separated by commas, to distill from
    distillation_weight: float = 0.5  # (0..1) share of the teacher in the loss
    keep: str = "best"  # [hcr.models.recipe.KEEPS] the epoch whose weights are kept
    tensorboard: bool = False  # write event files for TensorBoard, in the run's folder tensorboard
    callbacks: str = "none"  # [none or module:function] a function that gives Keras callbacks


@dataclass(frozen=True, kw_only=True)
class Recipe(Levers):
    """How a network is trained, as in `03_train`. Raises `ParameterError` for an unknown name."""

    model: str = "hcr_small"  # a key of hcr.models.MODELS, or module:function
    epochs: int = 8  # passes over the balancing plan, or each of steps_per_epoch
    batch_size: int = 64  # images per step
    optimizer: str = "adam"  # a key of OPTIMIZERS
    learning_rate: float = 2e-3  # peak learning rate
    schedule: str = "cosine"  # a key of SCHEDULES
    augmentation: str = "affine"  # a key of AUGMENTATIONS
    # So that the network ends with images as they are: He et al. (2019), Data augmentation
    # revisited: rethinking the distribution gap between clean and augmented data.
    final_epochs_without_augmentation: int = 0  # all of them where it is more than epochs
    loss: str = "cross_entropy"  # a key of LOSSES
    weight_decay: float = 0.0  # share of the kernels, times the learning rate, a step takes off
    ema: float = 0.0  # decay of the weights' moving average; looks back about 1 / (1 - ema) steps
    precision: str = "float32"  # a key of PRECISIONS; the trained network has 32 bits
    start: str | None = None  # a trained model, as hcr.recognizer.keras_files takes it
    refit: str | None = None  # "all": on train and validation together, without validation
    seed: int = 0  # of the initial weights, the order of images, augmentation and dropout

    def __post_init__(self) -> None:
        for key, known in CHOICES.items():
            name = getattr(self, key)
            if name not in known:
                raise ParameterError(f"There is no {key} {name!r}.{nearest(name, known)}")
        if self.momentum and self.optimizer != "sgd":
            raise ParameterError(f"momentum must go with sgd. Received: {self.optimizer}. Drop it.")
        if self.optimizer == "adamw" and not self.weight_decay:
            raise ParameterError("adamw must have a weight_decay. Received: 0. Set one, as 0.05.")
        if self.patience and self.keep == "last":
            raise ParameterError("patience must go with keep=best. Received: keep=last. Drop one.")
        if self.refit and (self.patience or self.schedule == "plateau"):
            rule = "refit must go without patience and plateau, which need validation"
            raise ParameterError(f"{rule}. Received: one of them. Drop it.")

    def steps(self, n: int) -> int:
        """The steps of the whole training, on a plan of `n` images."""
        return self.epochs * (self.steps_per_epoch or -(-n // self.batch_size))
