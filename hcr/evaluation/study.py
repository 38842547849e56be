"""Trains one fixed cheap network under each strategy of balancing, and tells what each buys."""

import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from hcr.datasets import Data, balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation.study_account import account, headlines
from hcr.evaluation.study_comparison import BASELINE, Comparison
from hcr.runs import files

__all__ = ["BASELINE", "Comparison", "Settings", "account", "compare", "headlines"]


@dataclass(frozen=True)
class Settings:
    """How every network of a study is trained: the same for all strategies.

    Attributes:
        steps: Steps of gradient descent; as many for a plan of few pictures as for one of many.
        batch_size: Pictures a step.
        model: The network, a key of `hcr.models.MODELS`.
        learning_rate: Of Adam at its highest; it rises for a twentieth of the steps and then falls
            along a cosine.
        augmentation: A key of `hcr.models.training.AUGMENTATIONS`.
    """

    steps: int = 1000
    batch_size: int = 128
    model: str = "hcr_small"
    learning_rate: float = 2e-3
    augmentation: str = "affine"


def compare(
    data: Data,
    strategies: Iterable[str],
    seeds: Sequence[int],
    folder: Path,
    settings: Settings | None = None,
    *,
    per_class: int | None = None,
    beta: float = 0.999,
    tau: float = 1.0,
    rare: Sequence[str] | None = None,
) -> Comparison:
    """Train under each strategy with each seed, and read the validation split with each network.

    The test split stays closed. What was trained before with the same data, settings and code is
    taken from `folder`, so a study that was stopped goes on. Two strategies whose plans are the
    same share a training: `logit_adjust` corrects the answers of `none`.

    Args:
        data: The data set.
        strategies: Keys of `balancing.STRATEGIES`; `none` comes first, and is added where it lacks,
            because the others are held against it.
        seeds: Of the plans, the networks' first weights, the order and the augmentation.
        folder: Where each training's answers are kept, 4 bytes a class and validation picture.
        settings: How each network is trained.
        per_class: Of `undersample`; see `balancing.plans`.
        beta: Of `effective_number`.
        tau: Of `logit_adjust`.
        rare: The characters whose recall is a measure of its own; the two with the fewest
            training pictures where None.

    Returns:
        For each strategy and seed, which validation pictures were read right.

    Raises:
        ParameterError: A strategy or character is unknown, or a number is out of its range.
        ModelError: A network gives something that is no number.
    """
    settings, seeds = settings or Settings(), tuple(seeds)
    names = (BASELINE, *(name for name in dict.fromkeys(strategies) if name != BASELINE))
    if not seeds or len(set(seeds)) < len(seeds):
        raise ParameterError(f"A study needs seeds, each once. Received: {list(seeds)}.")
    n_classes, labels = len(data.characters), data.validation.labels
    counts = np.bincount(data.train.labels, minlength=n_classes)
    rare = _rare(rare, data.characters, counts)
    planned = {
        seed: balancing.plans(
            data.train.labels,
            names,
            per_class=per_class,
            beta=beta,
            tau=tau,
            writers=data.train.writers,
            seed=seed,
        )
        for seed in seeds
    }
    trainer = _Trainer(data, settings, folder)
    # Seed by seed, so that what stands when the study is stopped holds every strategy.
    jobs = [(seed, name, planned[seed][name]) for seed in seeds for name in names]
    trainer.expect(jobs)
    right = np.zeros((len(names), len(seeds), len(labels)), bool)
    for seed, name, plan in jobs:
        answers = trainer.answers(seed, name, plan)
        if plan.tau:
            shares = balancing.prior(plan.counts(data.train.labels, n_classes))
            answers = balancing.adjust(answers, shares, plan.tau)
        right[names.index(name), seeds.index(seed)] = answers.argmax(axis=1) == labels
    return Comparison(
        strategies=names,
        seeds=seeds,
        right=right,
        labels=labels,
        characters=tuple(data.characters),
        shares=balancing.prior(counts),
        rare=rare,
        draws={name: len(plan) for name, plan in planned[seeds[0]].items()},
        trained=trainer.trained,
    )


class _Trainer:
    """Gives a training's answers to the validation pictures, from the folder or by training."""

    def __init__(self, data: Data, settings: Settings, folder: Path):
        # Here, because it loads Keras, which a notebook without the study need not wait for.
        from hcr.models import training

        self.training, self.data, self.settings, self.folder = training, data, settings, folder
        self.common = files.digest(
            vars(settings),
            data.train.digest,
            data.validation.digest,
            len(data.characters),
            training.code_digest(settings.model),
        )
        self.trained, self.seconds = 0, 0.0

    def expect(self, jobs: Iterable[tuple[int, str, balancing.Plan]]) -> None:
        """Note what will be asked for, to tell how much is left."""
        paths = dict.fromkeys(self.path(seed, plan) for seed, _, plan in jobs)
        self.missing = [path for path in paths if _read(path) is None]
        self.total, found = len(paths), len(paths) - len(self.missing)
        if found:
            print(f"found {found} of {self.total} trainings of before", flush=True)

    def path(self, seed: int, plan: balancing.Plan) -> Path:
        """Where the answers of this training are kept."""
        key = files.digest(self.common, seed, plan.indices.tobytes(), plan.weights.tobytes())
        return self.folder / f"{key[:20]}.npz"

    def answers(self, seed: int, name: str, plan: balancing.Plan) -> np.ndarray:
        """Probabilities, float32 (n, classes), of the validation pictures."""
        path = self.path(seed, plan)
        found = _read(path)
        if found is not None:
            return found
        begun = time.perf_counter()
        found = self._train(seed, plan)
        with files.writing(path) as aside:
            np.savez_compressed(aside, probabilities=found, strategy=np.array(name))
        self.missing.remove(path)
        self.trained += 1
        seconds = time.perf_counter() - begun
        self.seconds += seconds
        left = len(self.missing) * self.seconds / self.trained / 60
        accuracy = (found.argmax(axis=1) == self.data.validation.labels).mean()
        print(
            f"training {self.total - len(self.missing)}/{self.total}  {name}, seed {seed}  "
            f"val_accuracy {accuracy:.4f}  about {left:.0f} min left  ({seconds:.1f} s)",
            flush=True,
        )
        return found

    def _train(self, seed: int, plan: balancing.Plan) -> np.ndarray:
        how, n_classes = self.settings, len(self.data.characters)
        recipe = self.training.Recipe(
            model=how.model,
            epochs=1,
            batch_size=how.batch_size,
            learning_rate=how.learning_rate,
            augmentation=how.augmentation,
            seed=seed,
        )
        net = self.training.fit_steps(recipe, self.data.train, plan, n_classes, how.steps)
        found = self.training.predict(net, self.data.validation.images)
        if not np.isfinite(found).all():
            raise ModelError(
                "The network's probabilities must be finite numbers. Received: NaN on the "
                f"validation split, with seed {seed}. Lower the study's learning rate."
            )
        return found


def _read(path: Path) -> np.ndarray | None:
    """The answers that were kept; None where there is no such file, or it is damaged."""
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            return saved["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None


def _rare(
    rare: Sequence[str] | None, characters: Sequence[str], counts: np.ndarray
) -> tuple[str, ...]:
    """`rare`, checked, or the two characters with the fewest training pictures, in their order."""
    if rare is None:
        fewest = np.argsort(np.where(counts > 0, counts, counts.max() + 1), kind="stable")[:2]
        return tuple(characters[at] for at in sorted(fewest))
    unknown = [each for each in rare if each not in characters]
    if unknown:
        raise ParameterError(
            f"The rare characters must be of the data set: {''.join(characters)}. "
            f"Received: {', '.join(unknown)}."
        )
    return tuple(dict.fromkeys(rare))
