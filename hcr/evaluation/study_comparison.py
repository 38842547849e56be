"""What a study found: accuracies of each strategy, and paired differences, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from hcr.evaluation import metrics
from hcr.evaluation.seeds import recalls, spread

BASELINE = "none"
PLAIN, BALANCED, AS_IT_IS = "plain accuracy", "balanced accuracy", "validation accuracy"


@dataclass(frozen=True)
class Comparison:
    """Which validation pictures each strategy's networks read right.

    Attributes:
        strategies: The strategies' names, `none` first.
        seeds: The seeds.
        right: bool (strategies, seeds, n).
        labels: int64 (n,), of the validation split.
        characters: The classes' names.
        shares: float64 (classes,), the class shares of the training split as it is without a plan.
        rare: The characters whose recall is a measure of its own.
        draws: How many pictures each strategy's plan draws in an epoch.
        trained: How many networks were trained now; the others were found.
    """

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    right: np.ndarray
    labels: np.ndarray
    characters: tuple[str, ...]
    shares: np.ndarray
    rare: tuple[str, ...] = ()
    draws: Mapping[str, int] = field(default_factory=dict)
    trained: int = 0

    @cached_property
    def measures(self) -> dict[str, np.ndarray]:
        """Name to the weight of each class's recall, float64 (classes,), of sum 1.

        plain accuracy: at the class shares of the training split. A validation split that was
            drawn with it has the same shares; one that was not thinned when it was has others, and
            its own accuracy would then say how digits are read, not what the training was for.
        balanced accuracy: every class the same.
        validation accuracy: at the shares of the validation split: its plain share of right ones.
        recall of X: that class alone.
        """
        n = np.bincount(self.labels, minlength=len(self.characters))
        found = {PLAIN: self.shares * (n > 0), BALANCED: (n > 0) * 1.0, AS_IT_IS: n * 1.0}
        for character in self.rare:
            own = np.zeros(len(n))
            own[self.characters.index(character)] = n[self.characters.index(character)] > 0
            found[f"recall of {character}"] = own
        return {name: each / each.sum() for name, each in found.items() if each.sum()}

    @property
    def shown(self) -> list[str]:
        """The measures that a reader is shown, in their order."""
        return [name for name in self.measures if name != AS_IT_IS]

    def runs(self) -> pd.DataFrame:
        """One row a strategy and seed: every measure, and every class's recall."""
        rows = []
        for name, networks in zip(self.strategies, self.right, strict=True):
            for seed, own in zip(self.seeds, networks, strict=True):
                found = recalls(own, self.labels, len(self.characters))
                values = {key: np.nansum(each * found) for key, each in self.measures.items()}
                every = {f"recall of {c}": r for c, r in zip(self.characters, found, strict=True)}
                rows.append({"strategy": name, "seed": seed} | values | every)
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """One row a strategy and measure, long form, 95 % intervals.

        Columns strategy, measure, value, low, high, difference, difference_low, difference_high,
        n (pictures that the measure hangs on), seeds. The value is the mean over the seeds; the
        difference is to `none`, paired by seed and picture, NaN for `none` itself.
        """
        rows = []
        base = self.right[0].astype(np.int8)
        for name, networks in zip(self.strategies, self.right.astype(np.int8), strict=True):
            for measure, weights in self.measures.items():
                value = spread(networks, self.labels, weights, (0, 1))
                other = (np.nan,) * 3
                if name != BASELINE:
                    other = spread(networks - base, self.labels, weights, (-1, 1))
                rows.append(
                    {
                        "strategy": name,
                        "measure": measure,
                        **dict(zip(("value", "low", "high"), value, strict=True)),
                        **dict(zip(DIFFERENCE, other, strict=True)),
                        "n": int((weights[self.labels] > 0).sum()),
                        "seeds": len(self.seeds),
                    }
                )
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """One row a strategy, as a reader is shown it: each measure in per cent, and its interval.

        Under every strategy but `none` stands the paired difference to it, in points, named by a
        delta.
        """
        summary = self.summary().set_index(["strategy", "measure"])
        rows = []
        for name in self.strategies:
            found = {measure: summary.loc[(name, measure)] for measure in self.shown}
            rows.append(
                {"strategy": name, "": "%"}
                | {key: _text(each, ("value", "low", "high"), "") for key, each in found.items()}
            )
            if name != BASELINE:
                rows.append(
                    {"strategy": "", "": "\N{GREEK CAPITAL LETTER DELTA}"}
                    | {key: _text(each, DIFFERENCE, "+") for key, each in found.items()}
                )
        return pd.DataFrame(rows)

    def texts(self, measure: str) -> dict[str, tuple[str, str]]:
        """Each strategy's `measure` in per cent, and its interval, n and seeds as a note."""
        summary = self.summary()
        own = summary[summary["measure"] == measure].set_index("strategy")
        return {
            name: (
                metrics.percent(row["value"]),
                f"{metrics.interval_text(row['low'], row['high'], int(row['n']))}, {self._seeds}",
            )
            for name, row in own.iterrows()
        }

    @property
    def _seeds(self) -> str:
        return f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}"

    def verdict(self, strategy: str) -> str:
        """In words, how `strategy` stands to `none`; what an interval that holds 0 cannot tell."""
        summary = self.summary()
        own = summary[(summary["strategy"] == strategy) & summary["measure"].isin(self.shown)]
        groups: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
        for _, row in own.iterrows():
            side = "not told apart"
            if row["difference_low"] > 0 or row["difference_high"] < 0:
                side = "better" if row["difference"] > 0 else "worse"
            groups[side].append(f"{row['measure']} {_text(row, DIFFERENCE, '+')}")
        said = "; ".join(f"{side}: {', '.join(each)}" for side, each in groups.items() if each)
        drawn = {name: f" ({n:,} draws an epoch)" for name, n in self.draws.items()}
        return (
            f"{strategy}{drawn.get(strategy, '')} against {BASELINE}{drawn.get(BASELINE, '')}, in "
            f"points, with 95 % intervals: {said}. n = {len(self.labels):,} validation pictures, "
            f"{self._seeds}."
        )


DIFFERENCE = ("difference", "difference_low", "difference_high")


def _text(row: pd.Series, keys: tuple[str, str, str], sign: str) -> str:
    value, low, high = (100 * row[key] for key in keys)
    form = f"{sign}z.1f"  # z: what rounds to 0 has no minus
    text = f"{value:{form}} ({low:{form}} to {high:{form}})"
    return text.replace("-", "\N{MINUS SIGN}")
