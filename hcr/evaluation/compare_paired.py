"""Two recipes on the same test pictures: which of the differences between them are no chance."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hcr.evaluation.compare_gathering import NAN, Group, Recipe
from hcr.evaluation.compare_member import Member
from hcr.evaluation.comparison import Comparison, holm, mcnemar
from hcr.evaluation.seeds import spread

LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """McNemar's test between two recipes.

    Attributes:
        first: The recipe that ranks higher on validation.
        second: The other.
        seeds: The seeds of the two networks that the test is between.
        test: What it says, of these two.
        p_value: Its p-value times what Holm's method asks for all tests of the group.
        difference: Accuracy of the first less that of the second, the mean over all seeds.
        low: Lower end of its 95 % interval, for other pictures, and for other seeds where there
            are several.
        high: Upper end.
    """

    first: Recipe
    second: Recipe
    seeds: tuple[int, int]
    test: Comparison
    p_value: float
    difference: float
    low: float
    high: float

    @property
    def told_apart(self) -> bool:
        """Whether the corrected test finds a difference."""
        return self.p_value < LEVEL


def pairs(group: Group, most: int) -> list[Pair]:
    """Every pair of the first `most` recipes that have answers, in the order of their ranks.

    The test is between two networks: those of the lowest seed that both recipes have, or else of
    the lowest of each.
    """
    known = [each for each in group.recipes if each.right is not None][:most]
    chosen, tests = [], []
    for first, second in combinations(known, 2):
        one, other = _networks(first, second)
        labels, read = one.answers
        chosen.append((first, second, (one.seed, other.seed)))
        tests.append(mcnemar(labels, read, other.answers[1]))
    corrected = holm([each.p_value for each in tests])
    return [
        Pair(first, second, seeds, test, p_value, *_difference(first, second, test))
        for (first, second, seeds), test, p_value in zip(chosen, tests, corrected, strict=True)
    ]


def _networks(first: Recipe, second: Recipe) -> tuple[Member, Member]:
    one = {each.seed: each for each in first.members}
    other = {each.seed: each for each in second.members}
    common = [seed for seed in one if seed in other]
    return (one[common[0]], other[common[0]]) if common else (first.first, second.first)


def _difference(first: Recipe, second: Recipe, test: Comparison) -> tuple[float, float, float]:
    """The difference over all seeds, and its interval."""
    if len(first.members) == len(second.members) == 1:
        return test.difference, test.low, test.high
    common = [each.seed for each in first.members if each.seed in {o.seed for o in second.members}]
    if len(common) < 2:
        value = float(first.right.mean() - second.right.mean())
        return value, NAN, NAN
    one, other = (_rows(each, common) for each in (first, second))
    labels = first.first.answers[0]
    shares = np.bincount(labels) / len(labels)
    return spread(one - other, labels, shares, (-1, 1))


def _rows(recipe: Recipe, seeds: list[int]) -> np.ndarray:
    own = [each.seed for each in recipe.members]
    return recipe.right[[own.index(seed) for seed in seeds]]
