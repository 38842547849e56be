"""What balancing buys: one small network trained under each strategy, for equally many steps."""

import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from hcr.datasets import Dataset, balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation import recalls, seed_interval
from hcr.models import training
from hcr.models.backend import keras
from hcr.runs import files

BASELINE = "none"
PLAIN, BALANCED = "plain accuracy", "balanced accuracy"


@dataclass(frozen=True)
class Study:
    """Which validation images each strategy's networks predict right.

    Attributes:
        strategies: The strategies' names, `none` first.
        seeds: The seeds.
        right: bool (strategies, seeds, n).
        labels: int64 (n,), of the validation split.
        characters: The classes' names.
        shares: float64 (classes,), the class shares of the training split before balancing.
        rare: The characters whose recall is a measure of its own.
        trained: How many networks were trained now; the others had been before.
    """

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    right: np.ndarray
    labels: np.ndarray
    characters: tuple[str, ...]
    shares: np.ndarray
    rare: tuple[str, ...] = ()
    trained: int = 0

    @cached_property
    def measures(self) -> dict[str, np.ndarray]:
        """Name to the weight of each class's recall, float64 (classes,), of sum 1.

        plain accuracy: at the class shares of the training split; where that was made smaller, the
        validation split has others, and its own accuracy would not say what training was for.
        balanced accuracy: every class the same. recall of X: that class alone.
        """
        n = np.bincount(self.labels, minlength=len(self.characters))
        weights = {PLAIN: self.shares * (n > 0), BALANCED: (n > 0) * 1.0}
        for character in self.rare:
            one = np.array([c == character for c in self.characters])
            weights[f"recall of {character}"] = one * (n > 0)
        return {name: w / w.sum() for name, w in weights.items() if w.sum()}

    def runs(self) -> pd.DataFrame:
        """One row per strategy and seed: every measure, and every class's recall."""
        rows = []
        for name, networks in zip(self.strategies, self.right, strict=True):
            for seed, right in zip(self.seeds, networks, strict=True):
                recall = recalls(right, self.labels, len(self.characters))
                rows.append(
                    {"strategy": name, "seed": seed}
                    | {key: np.nansum(weight * recall) for key, weight in self.measures.items()}
                    | {f"recall of {c}": r for c, r in zip(self.characters, recall, strict=True)}
                )
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """One row per strategy and measure, with 95 % intervals over seeds and images.

        Columns strategy, measure, value, low, high, difference, difference_low, difference_high,
        n (images that the measure depends on), seeds. The value is the mean over the seeds; the
        difference is to `none`, paired by seed and image, NaN for `none` itself.
        """
        rows = []
        base = self.right[0].astype(np.int8)
        for name, networks in zip(self.strategies, self.right.astype(np.int8), strict=True):
            for measure, weights in self.measures.items():
                value = seed_interval(networks, self.labels, weights, (0, 1))
                difference = (np.nan,) * 3
                if name != BASELINE:
                    difference = seed_interval(networks - base, self.labels, weights, (-1, 1))
                n = int((weights[self.labels] > 0).sum())
                rows.append([name, measure, *value, *difference, n, len(self.seeds)])
        columns = "strategy measure value low high difference difference_low difference_high"
        return pd.DataFrame(rows, columns=[*columns.split(), "n", "seeds"])


def compare_strategies(
    data: Dataset,
    strategies: Iterable[str],
    seeds: Sequence[int],
    folder: Path,
    recipe: training.Recipe,
    steps: int,
    *,
    rare: Sequence[str] | None = None,
    **options: float | None,
) -> Study:
    """Train under each strategy with each seed, and predict the validation split.

    The test split stays closed. What was trained before with the same data, recipe and code is
    taken from `folder`, so a study that was stopped goes on. Plans that are the same share a
    training: `logit_adjust` corrects the answers of `none`.

    Args:
        data: The dataset.
        strategies: Keys of `balancing.STRATEGIES`; `none`, the baseline, is added and comes first.
        seeds: Of the plans, initialization, order and augmentation.
        folder: Where each training's probabilities are kept, 4 bytes a class and image.
        recipe: How each network is trained; its seed is replaced.
        steps: Steps of each training.
        rare: Characters whose recall is a measure; None for the two with the fewest images.
        options: Of `balancing.plans`: per_class, beta, tau.

    Raises:
        ParameterError: A strategy or character is unknown, or a number is out of its range.
        ModelError: A network gives something that is no number.
    """
    names, seeds = tuple(dict.fromkeys([BASELINE, *strategies])), tuple(seeds)
    n_classes, labels = len(data.characters), data.validation.labels
    counts = np.bincount(data.train.labels, minlength=n_classes)
    rare = _rare(rare, data.characters, counts)
    jobs = []
    # Seed by seed, so that what stands when the study is stopped holds every strategy.
    for seed in seeds:
        plans = balancing.plans(
            data.train.labels, names, writers=data.train.writers, seed=seed, **options
        )
        for name, plan in plans.items():
            key = files.digest(
                asdict(recipe) | {"seed": seed},
                steps,
                data.train.digest,
                data.validation.digest,
                training.code_digest(recipe.model),
                plan.indices.tobytes(),
                plan.weights.tobytes(),
            )
            jobs.append((seed, name, plan, folder / f"{key[:20]}.npz"))
    paths = {path: _read(path) for *_, path in jobs}
    missing = sum(probabilities is None for probabilities in paths.values())
    done, begun = 0, time.monotonic()
    right = np.zeros((len(names), len(seeds), len(labels)), bool)
    for seed, name, plan, path in jobs:
        if paths[path] is None:
            net = training.train_steps(
                replace(recipe, seed=seed), data.train, plan, n_classes, steps
            )
            paths[path] = _predicted(net, data, seed)
            with files.writing(path) as aside:
                np.savez_compressed(aside, probabilities=paths[path], strategy=np.array(name))
            done += 1
            left = (missing - done) * (time.monotonic() - begun) / done / 60
            print(f"{done}/{missing} {name}, seed {seed}: about {left:.0f} min left", flush=True)
        probabilities = paths[path]
        if plan.tau:
            shares = balancing.prior(plan.counts(data.train.labels, n_classes))
            probabilities = balancing.adjust(probabilities, shares, plan.tau)
        right[names.index(name), seeds.index(seed)] = probabilities.argmax(axis=1) == labels
    shares = balancing.prior(counts)
    return Study(names, seeds, right, labels, tuple(data.characters), shares, rare, trained=done)


def _predicted(net: keras.Model, data: Dataset, seed: int) -> np.ndarray:
    probabilities = training.predict(net, data.validation.images)
    if not np.isfinite(probabilities).all():
        raise ModelError(
            f"The network's probabilities must be finite. Received: NaN with seed {seed}. "
            "Lower the study's learning rate."
        )
    return probabilities


def _read(path: Path) -> np.ndarray | None:
    """The probabilities that were kept; None where there is no such file, or it is damaged."""
    try:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            return saved["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
        return None


def _rare(
    rare: Sequence[str] | None, characters: Sequence[str], counts: np.ndarray
) -> tuple[str, ...]:
    if rare is None:
        fewest = np.argsort(np.where(counts > 0, counts, counts.max() + 1), kind="stable")[:2]
        return tuple(characters[at] for at in sorted(fewest))
    unknown = [character for character in rare if character not in characters]
    if unknown:
        raise ParameterError(
            f"study_rare must be characters of the dataset: {''.join(characters)}. "
            f"Received: {', '.join(unknown)}."
        )
    return tuple(dict.fromkeys(rare))
