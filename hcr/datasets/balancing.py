"""Balancing: which training images a network sees, how often and with what weight.

A plan is indices and weights over the training split, never images.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hcr.datasets.files import read_npz
from hcr.datasets.split import Dataset
from hcr.errors import DataError, HcrError, ParameterError, nearest
from hcr.runs import Run, files, read, shown

# Name to what it does.
STRATEGIES = tomllib.loads(Path(__file__).with_name("balancing.toml").read_text("utf-8"))

# Those that draw images of a class more or less often; per_class says how many.
RESAMPLING = ("undersample", "oversample", "cap")


@dataclass(frozen=True)
class Plan:
    """What to train on."""

    indices: np.ndarray  # int64 (m,), into the training split; an image may occur several times
    weights: np.ndarray  # float32 (m,), at least 0, of mean 1
    strategy: str  # a key of `STRATEGIES`
    data: str = ""  # the digest of the dataset
    tau: float = 0.0  # power of the training prior that answers are divided by; 0 for none

    def __len__(self) -> int:
        return len(self.indices)

    def counts(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """The sum of the weights in each class, float64 (n_classes,): what the loss sees."""
        return np.bincount(labels[self.indices], weights=self.weights, minlength=n_classes)

    def repeats(self, n: int) -> np.ndarray:
        """How often each of the `n` training images is drawn, int64 (n,)."""
        return np.bincount(self.indices, minlength=n)

    def shift(self, labels: np.ndarray, n_classes: int) -> np.ndarray | None:
        """What is subtracted from the trained network's logits, float64 (n_classes,), or None.

        The post-hoc logit adjustment of Menon et al. (2021), Long-tail learning via logit
        adjustment, ICLR. With `tau` 1 answers are, by Bayes' rule, as for classes of equal share.
        """
        if not self.tau:
            return None
        shares = prior(self.counts(labels, n_classes))
        # The logarithm of a share of 0 is not finite.
        return self.tau * np.log(np.where(shares > 0, shares, 1.0))

    def save(self, path: Path) -> None:
        """Write the plan as `.npz`, whole or not at all."""
        with files.writing(path) as aside:
            np.savez_compressed(aside, **vars(self))


def load(path: Path, data: str | None = None) -> Plan:
    """Read a plan. Raises `DataError` where it is none, or not for the dataset of digest `data`."""
    keys = "indices", "weights", "strategy", "data", "tau"
    arrays = read_npz(path, keys, "a balancing plan", "Run 02_balance again.")
    plan = Plan(*arrays[:2], *(each.item() for each in arrays[2:]))
    if data is not None and plan.data != data:
        rule = f"{path} must be made for this dataset ({data[:12]})"
        raise DataError(f"{rule}. Received: one for {plan.data[:12]}. Run 02_balance again.")
    return plan


def open_plan(run: Run, digest: str, labels: np.ndarray) -> Plan:
    """The plan of `run` for this dataset; opened by hand, without one, each image once."""
    try:
        return load(run.input("balance.npz"), digest)
    except HcrError:
        if not run.by_hand:
            raise
        print("No balancing plan of these data: each training image once.")
        return plan(labels, data=digest)


def refit_plan(run: Run, data: Dataset, chosen: Plan) -> Plan:
    """The plan that `02_balance` would make of train and validation together, as `chosen` of train.

    Raises `DataError` where its parameters, in the record of `run`, do not give `chosen` again.
    """
    folder = run.source or run.folder
    given = read(folder)["stages"].get("02_balance", {}).get("parameters", {})
    options = {key: given[key] for key in ("per_class", "beta", "tau", "seed") if key in given}
    if n := options.get("per_class"):  # as 02_balance scales it
        options["per_class"] = max(1, round(n * data.changed.get("profile_scale", 1.0)))
    again, both = (
        plan(split.labels, chosen.strategy, writers=split.writers, data=chosen.data, **options)
        for split in (data.train, data.train_and_validation)
    )
    if not all(map(np.array_equal, vars(again).values(), vars(chosen).values())):
        rule = "refit must find the plan that 02_balance's recorded parameters give"
        raise DataError(f"{rule}. Received: another, in {shown(folder)}. Run 02_balance again.")
    return both


def plan(
    labels: np.ndarray,
    strategy: str = "none",
    *,
    per_class: int | None = None,
    beta: float = 0.999,
    tau: float = 1.0,
    writers: np.ndarray | None = None,
    seed: int = 0,
    data: str = "",
) -> Plan:
    """Plan the training on a split with these `labels`; the same arguments give the same plan.

    Args:
        labels: int (n,), of the training split.
        strategy: A key of `STRATEGIES`.
        per_class: Images per class; None takes the smallest class for `undersample`, the largest
            for `oversample` and the median for `cap`.
        beta: Of `effective_number`, in [0, 1); near 1 every class counts the same.
        tau: Of `logit_adjust`, above 0: the power of the prior that answers are divided by.
        writers: Of `even_writers`: str (n,), empty where unknown; such images weigh 1. Each
            writer's share of the drawings becomes the square root of what it was.
        seed: Random seed of the draws.
        data: The dataset's digest, kept in the plan.

    Raises `ParameterError` where an argument is out of its range or without use.
    """
    if strategy not in STRATEGIES:
        raise ParameterError(f"There is no strategy {strategy!r}.{nearest(strategy, STRATEGIES)}")
    if per_class is not None and (per_class < 1 or strategy not in RESAMPLING):
        rule = f"per_class must be at least 1, and goes with {', '.join(RESAMPLING)}"
        raise ParameterError(f"{rule}. Received: {per_class} with {strategy}. Drop it.")
    if not (0 <= beta < 1 and 0 < tau < np.inf):
        rule = "beta must be at least 0 and below 1, tau above 0"
        raise ParameterError(f"{rule}. Received: {beta} and {tau}. 0.999 and 1 are usual.")
    everything, labels = np.arange(len(labels)), np.asarray(labels)
    if strategy == "even_writers":
        return Plan(everything, _even_weights(writers), strategy, data)
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if strategy in RESAMPLING:
        default = {"undersample": counts.min(), "oversample": counts.max()}
        target = int(default.get(strategy, np.median(counts))) if per_class is None else per_class
        bound = {"undersample": np.minimum, "oversample": np.maximum}.get(strategy)
        wanted = np.full_like(counts, target) if bound is None else bound(counts, target)
        quotas = dict(zip(present.tolist(), wanted.tolist(), strict=True))
        draw = _undersampled if strategy == "undersample" and len(present) > 1 else _repeated
        indices = draw(labels, quotas, seed)
        return Plan(indices, np.ones(len(indices), np.float32), strategy, data)
    sizes = np.ones(len(present))
    if strategy == "class_weight":
        sizes = counts
    elif strategy == "effective_number":
        sizes = effective_numbers(counts, beta)
    weights = (1 / sizes)[inverse]
    # Of mean 1 over the images, so that a learning rate means the same under every strategy.
    weights = (weights / weights.mean()).astype(np.float32)
    return Plan(everything, weights, strategy, data, tau if strategy == "logit_adjust" else 0.0)


def possible(writers: np.ndarray | None) -> tuple[str, ...]:
    """The strategies that need no more than `writers`, as of `plan`."""
    unknown = writers is None or not (writers != "").any()
    return tuple(name for name in STRATEGIES if not (unknown and name == "even_writers"))


def effective_numbers(counts: ArrayLike, beta: float = 0.999) -> np.ndarray:
    """(1 - beta^n) / (1 - beta) of each count n, float64; `beta` in [0, 1).

    Cui et al. (2019), Class-balanced loss based on effective number of samples, CVPR.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if beta == 0:
        return np.minimum(counts, 1.0)
    # expm1 and log1p, because 1 - beta^n loses its digits where beta is close to 1.
    return -np.expm1(counts * np.log1p(beta - 1)) / (1 - beta)


def prior(counts: ArrayLike) -> np.ndarray:
    """The share of each class, float64 (classes,) of sum 1, from counts or sums of weights."""
    counts = np.asarray(counts, dtype=np.float64)
    return counts / counts.sum()


def _undersampled(labels: np.ndarray, quotas: Mapping[int, int], seed: int) -> np.ndarray:
    """Sorted indices of `quotas[label]` images of each class, none twice."""
    # The draws of imbalanced-learn's RandomUnderSampler, which published plans come from.
    state = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, 2])))
    chosen = []
    for label, quota in quotas.items():
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[state.choice(len(rows), size=quota, replace=False)])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _repeated(labels: np.ndarray, quotas: Mapping[int, int], seed: int) -> np.ndarray:
    """Sorted indices of `quotas[label]` images of each class, in whole passes over the class."""
    # Drawn with replacement, a third of a class that is doubled would never be repeated.
    rng = np.random.default_rng([seed, 2])
    orders = {label: rng.permutation(np.flatnonzero(labels == label)) for label in quotas}
    return np.sort(np.concatenate([np.resize(orders[k], n) for k, n in quotas.items()]))


def _even_weights(writers: np.ndarray | None) -> np.ndarray:
    """The weights, float32 (n,), of `even_writers`; of mean 1 over the drawings."""
    if "even_writers" not in possible(writers):
        rule = "even_writers must know who drew the training images"
        raise ParameterError(f"{rule}. Received: no writers. Take another strategy or dataset.")
    _, inverse, counts = np.unique(writers, return_inverse=True, return_counts=True)
    drawn = writers != ""
    weights = 1 / np.sqrt(counts[inverse])
    return np.where(drawn, weights / weights[drawn].mean(), 1.0).astype(np.float32)
