"""What balancing buys: one small network trained under each strategy, for equally many steps."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from hcr.datasets import Dataset, balancing
from hcr.errors import ParameterError
from hcr.evaluation import recalls, seed_interval
from hcr.models import training
from hcr.runs import files

BASELINE = "none"


@dataclass(frozen=True)
class Study:
    """Which validation images each strategy's networks predict right."""

    right: dict[str, np.ndarray]  # strategy to bool (seeds, n); `none` comes first
    seeds: tuple[int, ...]
    labels: np.ndarray  # int64 (n,), of the validation split
    characters: tuple[str, ...]  # the classes' names
    shares: np.ndarray  # float64 (classes,), of the training split before balancing
    rare: tuple[str, ...] = ()  # the characters whose recall is a measure of its own
    trained: int = 0  # how many networks were trained now; the others had been before

    @cached_property
    def measures(self) -> dict[str, np.ndarray]:
        """Name to the weight of each class's recall, float64 (classes,), of sum 1.

        plain accuracy: at the class shares of the training split; where that was made smaller, the
        validation split has others, and its own accuracy would not say what training was for.
        balanced accuracy: every class the same. recall of X: that class alone.
        """
        weights = {"plain accuracy": self.shares, "balanced accuracy": np.ones(len(self.shares))}
        for character in self.rare:
            weights[f"recall of {character}"] = np.array(self.characters) == character
        tested = np.isin(np.arange(len(self.shares)), self.labels)
        return {name: w * tested / (w @ tested) for name, w in weights.items() if w @ tested}

    def runs(self) -> pd.DataFrame:
        """One row per strategy and seed: every measure."""
        rows = []
        for name, networks in self.right.items():
            for seed, right in zip(self.seeds, networks, strict=True):
                recall = recalls(right, self.labels, len(self.characters))
                values = {key: np.nansum(w * recall) for key, w in self.measures.items()}
                rows.append({"strategy": name, "seed": seed, **values})
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """One row per strategy and measure, with 95 % intervals over seeds and images.

        Columns strategy, measure, value, low, high, difference, difference_low, difference_high,
        n (images that the measure depends on), seeds. The value is the mean over the seeds; the
        difference is to `none`, paired by seed and image, NaN for `none` itself.
        """
        rows, base = [], self.right[BASELINE].astype(np.int8)
        for name, right in self.right.items():
            for measure, weights in self.measures.items():
                value = seed_interval(right, self.labels, weights, (0, 1))
                difference = (np.nan,) * 3
                if name != BASELINE:
                    difference = seed_interval(right - base, self.labels, weights, (-1, 1))
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

    `strategies` are keys of `balancing.STRATEGIES`; `none`, the baseline, is added and comes first.
    The `seeds` are those of the plans, initialization, order and augmentation, and replace that of
    the `recipe`; the probabilities in `folder` take 4 bytes a class and image. The recalls of the
    `rare` characters are measures, too; None for the two with the fewest images. The `options` are
    those of `balancing.plans`: per_class, beta, tau.

    Raises `ParameterError` where a strategy or character is unknown, or a number out of its range,
    and `ModelError` where a network gives something that is no number.
    """
    names, n_classes = list(dict.fromkeys([BASELINE, *strategies])), len(data.characters)
    counts = np.bincount(data.train.labels, minlength=n_classes)
    if rare is None:
        fewest = np.argsort(np.where(counts > 0, counts, counts.max() + 1), kind="stable")[:2]
        rare = [data.characters[i] for i in sorted(fewest)]
    if not set(rare) <= set(data.characters):
        raise ParameterError(
            f"study_rare must be characters of {''.join(data.characters)}. "
            f"Received: {', '.join(rare)}. Name others."
        )
    right, trained = {name: [] for name in names}, 0
    digests = (data.train.digest, data.validation.digest, training.code_digest(recipe.model))
    # Seed by seed, so that what stands when the study is stopped holds every strategy.
    for seed in seeds:
        options |= {"writers": data.train.writers, "seed": seed}
        for name, plan in balancing.plans(data.train.labels, names, **options).items():
            begun, how = time.perf_counter(), replace(recipe, seed=seed)
            arrays = (plan.indices.tobytes(), plan.weights.tobytes())
            path = folder / f"{files.digest(asdict(how), steps, *digests, *arrays)[:20]}.npy"
            probabilities = _read(path)
            if probabilities is None:
                net = training.train_steps(how, data.train, plan, n_classes, steps)
                _, probabilities = training.validate(net, data.validation)
                with files.writing(path) as aside:
                    np.save(aside, probabilities)
                trained += 1
                done, seconds = sum(map(len, right.values())) + 1, time.perf_counter() - begun
                text = f"training {done}/{len(names) * len(seeds)} {name}, seed {seed}"
                print(f"{text}  ({seconds:.1f} s)", flush=True)
            if plan.tau:
                shares = balancing.prior(plan.counts(data.train.labels, n_classes))
                probabilities = balancing.adjust(probabilities, shares, plan.tau)
            right[name].append(probabilities.argmax(axis=1) == data.validation.labels)
    right, shares = {name: np.array(each) for name, each in right.items()}, balancing.prior(counts)
    known = data.validation.labels, data.characters
    return Study(right, tuple(seeds), *known, shares, tuple(rare), trained)


def _read(path: Path) -> np.ndarray | None:
    """The probabilities that were kept; None where there is no such file, or it is damaged."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
