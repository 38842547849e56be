"""Plans how the training split is resampled and weighted: indices and weights, never pictures."""

from collections.abc import Iterable

import numpy as np

from hcr.datasets.balance_draws import repeated, thrown_away
from hcr.datasets.balance_overview import overview
from hcr.datasets.balance_saved import Plan, load
from hcr.datasets.imbalance import Imbalance, effective_numbers, imbalance
from hcr.datasets.prior import adjust, prior
from hcr.errors import ParameterError, nearest

__all__ = [
    "RESAMPLING",
    "STRATEGIES",
    "Imbalance",
    "Plan",
    "adjust",
    "effective_numbers",
    "imbalance",
    "load",
    "overview",
    "plan",
    "plans",
    "possible",
    "prior",
]

# Name to what it does; read as text where parameters are checked, so it stays a literal.
STRATEGIES = {
    "none": "every training picture once, all of equal weight",
    "undersample": "at most per_class pictures of a class, drawn without repeats",
    "oversample": "classes with fewer than per_class pictures repeat some",
    "cap": "exactly per_class pictures of every class: large ones lose, small ones repeat",
    "class_weight": "every picture once, weighted so that each class counts the same",
    "effective_number": "every picture once, weighted by its class's effective number of samples",
    "logit_adjust": "every picture once; after training, the network's answers lose the prior",
    "even_writers": "every picture once; drawings of who drew few weigh more than those of others",
}

# Those that draw pictures of a class more often or less often; per_class says how many.
RESAMPLING = ("undersample", "oversample", "cap")


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
    """Plan the training on a split with these `labels`.

    Args:
        labels: int (n,), of the training split.
        strategy: A key of `STRATEGIES`.
        per_class: Pictures a class; None takes the smallest class for `undersample`, the largest
            for `oversample` and the median for `cap`.
        beta: Of `effective_number`, in [0, 1): 0 weighs every picture the same, and the closer to
            1, the more every class counts the same.
        tau: Of `logit_adjust`, above 0: the power of the prior that the answers are divided by.
        writers: Of `even_writers`: str (n,), who drew each, or empty for pictures of nobody known,
            which weigh 1; as `Split.writers`. Of the drawings, each writer's share becomes the
            square root of what it was.
        seed: Of the draws.
        data: The data set's digest, kept in the plan.

    Raises:
        ParameterError: `strategy` is unknown, `per_class` is less than 1 or without use, `beta` or
            `tau` is out of its range, or nobody is known to have drawn anything.
    """
    if strategy not in STRATEGIES:
        raise ParameterError(f"There is no strategy {strategy!r}.{nearest(strategy, STRATEGIES)}")
    _check(strategy, per_class, beta, tau)
    if strategy == "even_writers":
        return Plan(np.arange(len(labels)), _evened(writers), strategy, data)
    labels = np.asarray(labels)
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if strategy in RESAMPLING:
        default = {"undersample": counts.min(), "oversample": counts.max()}
        target = int(default.get(strategy, np.median(counts))) if per_class is None else per_class
        # What is wanted of a class, from what it has.
        bound = {"undersample": np.minimum, "oversample": np.maximum}.get(strategy)
        wanted = np.full_like(counts, target) if bound is None else bound(counts, target)
        draw = thrown_away if strategy == "undersample" else repeated
        indices = draw(labels, dict(zip(present.tolist(), wanted.tolist(), strict=True)), seed)
        return Plan(indices, np.ones(len(indices), np.float32), strategy, data)

    weights = np.ones(len(present))
    if strategy == "class_weight":
        weights = 1 / counts
    elif strategy == "effective_number":
        weights = 1 / effective_numbers(counts, beta)
    each = weights[inverse]
    # Of mean 1 over the pictures, so that a learning rate means the same under every strategy.
    each = (each / each.mean()).astype(np.float32)
    kept = tau if strategy == "logit_adjust" else 0.0
    return Plan(np.arange(len(labels)), each, strategy, data, kept)


def plans(
    labels: np.ndarray,
    strategies: Iterable[str] | None = None,
    *,
    per_class: int | None = None,
    beta: float = 0.999,
    tau: float = 1.0,
    writers: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Plan]:
    """One plan a strategy, to hold them side by side; the arguments are those of `plan`.

    Where `strategies` is None, those that are `possible`.

    `per_class` is for `undersample`: with the same number for all three, `cap` would differ from
    it by nothing where every class has as many, and `oversample` from `none`. So the other two
    take what they take by default, the median and the largest class.
    """
    return {
        name: plan(
            labels,
            name,
            per_class=per_class if name == "undersample" else None,
            beta=beta,
            tau=tau,
            writers=writers,
            seed=seed,
        )
        for name in (possible(writers) if strategies is None else strategies)
    }


def possible(writers: np.ndarray | None) -> tuple[str, ...]:
    """The strategies that need not know more than `writers`, as of `plan`."""
    unknown = writers is None or not (writers != "").any()
    return tuple(name for name in STRATEGIES if not (unknown and name == "even_writers"))


def _evened(writers: np.ndarray | None) -> np.ndarray:
    """The weights, float32 (n,), of `even_writers`; of mean 1 over the drawings."""
    if "even_writers" not in possible(writers):
        raise ParameterError(
            "even_writers must know who drew the training pictures. Received: a data set that does "
            "not tell. Choose another strategy, or a set of drawings, as emnist-subset+unipen."
        )
    _, inverse, counts = np.unique(writers, return_inverse=True, return_counts=True)
    drawn = writers != ""
    weights = 1 / np.sqrt(counts[inverse])
    return np.where(drawn, weights / weights[drawn].mean(), 1.0).astype(np.float32)


def _check(strategy: str, per_class: int | None, beta: float, tau: float) -> None:
    if per_class is not None and per_class < 1:
        raise ParameterError(f"per_class must be an integer of at least 1. Received: {per_class}.")
    if per_class is not None and strategy not in RESAMPLING:
        raise ParameterError(
            f"per_class goes with the strategies {', '.join(RESAMPLING)}. Received: "
            f"per_class={per_class} with {strategy}. Drop it, or choose one of these."
        )
    if strategy == "effective_number" and not 0 <= beta < 1:
        raise ParameterError(f"beta must be at least 0 and below 1, as 0.999. Received: {beta}.")
    if strategy == "logit_adjust" and not 0 < tau < np.inf:
        raise ParameterError(
            f"tau must be above 0, as 1. Received: {tau}. The strategy none leaves the prior."
        )
